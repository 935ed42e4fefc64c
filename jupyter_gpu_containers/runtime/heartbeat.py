"""The first sign of life of a kernel: its heartbeat channel echoes a message.

Messaging protocol: https://jupyter-client.readthedocs.io/en/stable/messaging.html#heartbeat-for-kernels
A kernel binds its other channels before this one, so an echo means that it can be spoken to.
"""

from __future__ import annotations

import zmq
import zmq.asyncio

RECONNECT = 10  # milliseconds between attempts to connect while the kernel binds its sockets


async def heartbeat(url: str) -> None:
    """Return as soon as a kernel answers at the heartbeat URL (``ipc://…-3``, ``tcp://…``)."""
    with zmq.asyncio.Context() as context, context.socket(zmq.REQ) as socket:
        socket.linger = 0
        socket.reconnect_ivl = RECONNECT
        socket.connect(url)
        await socket.send(b"ping")
        await socket.recv()
