"""What is kept of a kernel's messages while no page is there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jupyter_client.session import Session

from jupyter_gpu_containers.web.offline import OVERHEAD, SMALL, Message, OfflineBuffer

REQUEST = {"msg_id": "r1", "msg_type": "execute_request", "username": "", "session": "s"}
SESSION = Session(key=b"secret")


def message(kind: str, /, **content: Any) -> Message:
    """A message of a kernel's, as it comes from its socket: with the topic before it."""
    parts = SESSION.serialize(SESSION.msg(kind, content, parent=REQUEST), ident=b"topic")
    return list(parts)


def printed(text: str) -> Message:
    return message("stream", name="stdout", text=text)


def read(parts: Message) -> dict[str, Any]:
    """Read a message as Jupyter Server does, with its signature; here more than once."""
    SESSION.digest_history.clear()
    _, rest = SESSION.feed_identities(list(parts))
    found: dict[str, Any] = SESSION.deserialize(rest)
    return found


def texts(buffer: OfflineBuffer) -> list[str]:
    return [
        content["text"]
        for content in (read(parts)["content"] for _, parts in buffer)
        if "text" in content
    ]


def size(*rows: Message) -> int:
    return sum(sum(map(len, parts)) + OVERHEAD for parts in rows)


def test_what_fits_is_kept_in_order() -> None:
    buffer = OfflineBuffer(SESSION, output=1 << 20, rest=1 << 20)
    for number in range(100):
        buffer.append(("iopub", printed(str(number))))
    assert texts(buffer) == [str(number) for number in range(100)]
    assert not buffer.full


def test_beyond_the_bound_output_is_dropped_and_that_is_said_once() -> None:
    buffer = OfflineBuffer(SESSION, output=100_000, rest=100_000)
    for number in range(1000):
        buffer.append(("iopub", printed(f"{number} " + "x" * 1000)))
    *kept, said = texts(buffer)
    assert [text.split()[0] for text in kept] == [str(number) for number in range(len(kept))]
    assert 40 < len(kept) < 100
    assert "Output is missing" in said
    last = read(buffer[-1][1])
    assert last["parent_header"]["msg_id"] == "r1"  # so it stands below the cell that printed
    assert last["content"]["name"] == "stderr"
    assert buffer.size < 105_000


def test_a_page_that_comes_back_sees_how_the_cell_ended() -> None:
    buffer = OfflineBuffer(SESSION, output=10_000, rest=100_000)
    buffer.append(("iopub", printed("x" * 20_000)))
    ends = [
        ("iopub", message("error", ename="E", evalue="v", traceback=[])),
        ("shell", message("execute_reply", status="error")),
        ("iopub", message("status", execution_state="idle")),
    ]
    for channel, parts in ends:
        buffer.append(("iopub", printed("more")))
        buffer.append((channel, parts))
    assert buffer[1:] == ends
    assert len(texts(buffer)) == 1


@pytest.mark.parametrize(
    ("kind", "channel", "length"),
    [  # each kind with each length, each channel with each length
        ("status", "iopub", 1),
        ("status", "shell", SMALL // 2),
        ("status", "stdin", 10 * SMALL),
        ("error", "shell", 1),
        ("error", "iopub", SMALL // 2),
        ("error", "iopub", 10 * SMALL),
        ("execute_input", "stdin", 1),
        ("execute_input", "iopub", SMALL // 2),
        ("execute_input", "shell", 10 * SMALL),
        ("display_data", "control", 1),
        ("display_data", "stdin", SMALL // 2),
        ("display_data", "iopub", 10 * SMALL),
        ("comm_msg", "iopub", 1),
        ("comm_msg", "control", SMALL // 2),
        ("comm_msg", "control", 10 * SMALL),
    ],
)
def test_no_kind_of_message_is_kept_without_a_bound(channel: str, kind: str, length: int) -> None:
    """A hostile kernel says whatever it likes."""
    buffer = OfflineBuffer(SESSION, output=200_000, rest=200_000)
    for _ in range(400):
        buffer.append((channel, message(kind, execution_state="busy", more="x" * length)))
    assert buffer.full
    assert size(*(parts for _, parts in buffer)) == buffer.size < 401_000


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b""],
        [b"x" * 2_000],
        [b"<IDS|MSG>"],
        [b"<IDS|MSG>", b"", b"{}", b"[]"],
        [b"<IDS|MSG>", b"", b"[", b'"text"', b"", b""],
        [b"<IDS|MSG>", b"", b"[" * 100_000, b"[" * 100_000],
        [b"<IDS|MSG>", b"", b'{"msg_type": {"a": []}}', b'{"msg_id": 1}'],
        [b"<IDS|MSG>", b"", b'{"msg_type": "status"}', b'{"header": 7}'],
        [b"<IDS|MSG>", b"\xff", b"\xff", b"\xff"],
    ],
)
def test_what_is_no_message_breaks_nothing(parts: list[bytes]) -> None:
    buffer = OfflineBuffer(SESSION, output=1_000, rest=5_000)
    for _ in range(100):
        buffer.append(("iopub", parts))
    assert buffer.size < 10_000


def test_the_notice_can_be_signed_for_any_parent() -> None:
    """A parent header is the kernel's words; what is made of it is the server's."""
    buffer = OfflineBuffer(SESSION, output=1, rest=100_000)
    strange = {"msg_id": "r\n", "session": "s", "more": ["deep", {"er": None}]}
    buffer.append(("iopub", [b"<IDS|MSG>", b"", b"{}", json.dumps(strange).encode(), b"{}", b"{}"]))
    assert read(buffer[0][1])["parent_header"] == strange
