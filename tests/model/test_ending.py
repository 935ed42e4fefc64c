"""Why a kernel ended, from what the engine tells."""

from __future__ import annotations

import pytest

from jupyter_gpu_containers.model.container import ContainerExit
from jupyter_gpu_containers.model.ending import explain_exit, format_bytes


def explain(
    ending: ContainerExit, *, memory: int | None = None, log_tail: str = "", answered: bool = True
) -> tuple[str, str, str]:
    """Return code, sentence and hint."""
    error = explain_exit(ending, memory=memory, log_tail=log_tail, answered=answered)
    return error.error_code, error.message, error.hint


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (1536 << 20, "1.5 GiB"),
        (256 << 20, "256 MiB"),
        (8 << 30, "8 GiB"),
        (3 << 50, "3072 TiB"),
    ],
)
def test_format_bytes(count: int, text: str) -> None:
    assert format_bytes(count) == text


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("code", [137, 1])
def test_out_of_memory(code: int, answered: bool) -> None:
    """docker-init passes SIGKILL on as 137; a shell in between may make it 1."""
    ending = ContainerExit(code, oom_killed=True)
    kind, sentence, hint = explain(ending, memory=8 << 30, answered=answered)
    assert kind == "out_of_memory"
    assert sentence == "The kernel was killed: out of memory, limit 8 GiB."
    assert "--memory" in hint


def test_out_of_memory_without_a_limit() -> None:
    _, sentence, _ = explain(ContainerExit(137, oom_killed=True))
    assert sentence == "The kernel was killed: out of memory."


@pytest.mark.parametrize("code", [0, 3, 139])
def test_the_flag_of_a_child_that_was_killed_is_not_the_kernels_end(code: int) -> None:
    assert explain(ContainerExit(code, oom_killed=True), memory=1 << 30)[0] == "kernel_exited"


def test_killed() -> None:
    kind, sentence, hint = explain(ContainerExit(137))
    assert kind == "kernel_killed"
    assert "SIGKILL" in sentence
    assert "Restart the kernel" in hint


def test_removed() -> None:
    kind, sentence, _ = explain(ContainerExit(-1, lost=True))
    assert kind == "container_removed"
    assert sentence == "The kernel's container was removed by somebody else."


def test_exit_code_and_last_words() -> None:
    kind, sentence, hint = explain(ContainerExit(3), log_tail="no licence\n")
    assert kind == "kernel_exited"
    assert sentence == (
        "The kernel ended by itself with exit code 3. Last lines of its log:\nno licence\n"
    )
    assert hint == "Restart the kernel; its variables are lost."


def test_before_it_answered() -> None:
    _, sentence, hint = explain(ContainerExit(127, error="exec failed"), answered=False)
    assert sentence == (
        "The container ended by itself with exit code 127 (exec failed) before its kernel answered."
    )
    assert "command" in hint


@pytest.mark.parametrize(
    ("code", "words"),
    [(139, "signal 11 (SIGSEGV)"), (143, "signal 15 (SIGTERM)"), (255, "signal 127 (unknown)")],
)
def test_signals(code: int, words: str) -> None:
    assert f"was ended by {words}" in explain(ContainerExit(code))[1]
