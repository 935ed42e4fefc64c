"""The first sign of life of a kernel: its heartbeat channel echoes a message.

Messaging protocol: https://jupyter-client.readthedocs.io/en/stable/messaging.html#heartbeat-for-kernels
A kernel binds its other channels before this one, so an echo means that it can be spoken to.
"""

from __future__ import annotations

import zmq
import zmq.asyncio

from .appearance import appears

# Milliseconds between attempts to connect, where a socket does not listen yet: one that was left
# by the kernel's last run, or is on another machine.
RECONNECT = 10
IPC = "ipc://"


async def heartbeat(url: str) -> None:
    """Return as soon as a kernel answers at the heartbeat URL (``ipc://…-3``, ``tcp://…``)."""
    if url.startswith(IPC):
        await appears(url.removeprefix(IPC))
    with zmq.asyncio.Context() as context, context.socket(zmq.REQ) as socket:
        socket.linger = 0
        socket.reconnect_ivl = RECONNECT
        socket.connect(url)
        await socket.send(b"ping")
        await socket.recv()
