"""What a kernel's life asks of the engine: each request costs, and ten starts at once make ten."""

from __future__ import annotations

import re

import pytest

from tests.backends.sockets import Proxy
from tests.kernels import running
from tests.rooms import Room

pytestmark = pytest.mark.engine

_ID = re.compile(r"\b[0-9a-f]{64}\b")
_NAME = re.compile(r"jupyter-kernel-[0-9a-f]{32}")


def plain(requests: list[str]) -> list[str]:
    """Name every container ID, and leave the engine's API version out."""
    return [re.sub(r" /v[\d.]+", " ", _NAME.sub("NAME", _ID.sub("ID", one))) for one in requests]


async def test_a_start_and_a_shutdown_ask_the_engine_for_no_more_than_they_need(
    engine_room: Room, engine_host: str
) -> None:
    """A start creates, looks at what was made, and starts it; the end is looked at once."""
    with Proxy(engine_host).serve() as proxy:
        engine_room.configure(engine_url=proxy.url)
        environment = await engine_room.environment(engine_room.image)
        async with running(environment.name) as first:  # this one also asks what the engine is
            assert await first.run("print(1)") == "1"
        proxy.requests.clear()
        async with running(environment.name) as kernel:
            assert plain(proxy.requests) == [
                "POST /containers/create?name=NAME",
                "GET /containers/ID/json?size=0",
                "POST /containers/ID/start",
            ]
            proxy.requests.clear()
            assert await kernel.run("print(1)") == "1"
            await kernel.manager.shutdown_kernel(now=True)
            assert plain(proxy.requests) == [  # its keeper interrupts it, and then it is killed
                "GET /containers/ID/json",
                "DELETE /containers/ID?v=True&link=False&force=True",
            ]
        engine_room.configure(engine_url=engine_host)  # the proxy ends before the room does
