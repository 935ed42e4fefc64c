"""A kernel's websocket that opens at once and waits for a pending kernel afterwards.

The stock class waits inside the HTTP upgrade: the browser gives up after some minutes and, as it
allows one connecting websocket per host, no other kernel can connect meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import struct
from typing import Any

from jupyter_server.services.kernels.connection.base import (
    deserialize_binary_message,
    deserialize_msg_from_ws_v1,
    serialize_msg_to_ws_v1,
)
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

PROTOCOL_V1 = "v1.kernel.websocket.jupyter.org"
KERNEL_DID_NOT_START = 4000  # close code, of the range for applications (RFC 6455 section 7.4.2)


# what the functions of jupyter_server and json raise over what is no message
UNREADABLE = (
    AttributeError,
    IndexError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)


def message_type(message: Any, *, v1: bool) -> str:
    """Return the type of a message as it comes from a page.

    Of the protocol v1 only the header is read.

    Raises
    ------
    One of UNREADABLE
        It is none.
    """
    if v1:
        _, parts = deserialize_msg_from_ws_v1(message)  # type: ignore[no-untyped-call]
        header = json.loads(parts[0])
    elif isinstance(message, bytes):
        header = deserialize_binary_message(message)["header"]  # type: ignore[no-untyped-call]
    else:
        header = json.loads(message)["header"]
    return str(header["msg_type"])


class PatientWebsocketConnection(ZMQChannelsWebsocketConnection):
    """Queues the page's messages while the kernel is being started, then delivers them."""

    _waiting: asyncio.Task[None] | None = None
    _queue: list[Any] | None = None

    async def prepare(self) -> None:
        """Open at once where the kernel is still pending."""
        if self.kernel_manager.ready.done():
            await super().prepare()  # type: ignore[no-untyped-call]
        else:
            self._queue = []

    def connect(self) -> Any:
        """Connect the channels, now or as soon as the kernel is there."""
        # An answer is several small messages: each but the first would wait until the page's
        # machine has acknowledged the one before, which it may do 0.04 s later (Nagle's algorithm).
        self.websocket_handler.set_nodelay(True)
        if self._queue is None:
            return super().connect()
        self._waiting = asyncio.ensure_future(self._connect_later())
        self._waiting.add_done_callback(self._check)
        connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        connected.set_result(None)
        return connected

    def handle_incoming_message(self, incoming_msg: Any) -> None:
        """Pass a message of the page on, or keep it."""
        if self._queue is None:
            self._deliver(incoming_msg)
        else:
            self._queue.append(incoming_msg)

    def disconnect(self) -> Any:
        """Leave; the kernel goes on starting."""
        if self._queue is not None and self._waiting is not None:
            self._waiting.cancel()
            if not self.channels:
                self._queue = None
                return None
        return super().disconnect()  # type: ignore[no-untyped-call]

    async def _connect_later(self) -> None:
        self._send_status("starting")
        # A restart is a shutdown and then a start, each with a future of its own.
        while not (ready := self.kernel_manager.ready).done():
            # wait(), not await: cancelling this task must not cancel the kernel's own future
            await asyncio.wait({ready})
        gone = self.kernel_id not in self.multi_kernel_manager  # what we waited for was its end
        if gone or ready.cancelled() or ready.exception() is not None:
            # The page asks /api/kernels for the reason when the connection is gone.
            self._close()
            return
        await super().prepare()  # type: ignore[no-untyped-call]
        # The answer to the question in there may come before the kernel is told to be idle again.
        # The stock class does not make sure that it hears a busy kernel, and what the page's cells
        # print at once would be lost, for ever waited for by the page.
        if self.kernel_manager.execution_state == "busy":
            self.kernel_manager.execution_state = "starting"
        connected = super().connect()
        if connected is not None:
            await connected
        queue, self._queue = self._queue or [], None
        for message in queue:
            self._deliver(message)

    def _deliver(self, message: Any) -> None:
        """Pass a message on; what is use of the kernel is noted before the kernel can know it."""
        services = self.websocket_handler.settings.get("gpu_containers")
        if services is not None and self._is_use(message):
            services.idle.used(self.kernel_id)
        super().handle_incoming_message(message)

    def _is_use(self, message: Any) -> bool:
        """Tell whether a message is a person's: pages ask for a kernel's facts by themselves."""
        try:
            kind = message_type(message, v1=self.subprotocol == PROTOCOL_V1)
        except UNREADABLE:
            return (
                True  # refused or dropped by the stock class; better too much use than too little
            )
        return bool(self.multi_kernel_manager.track_message_type(kind))

    def _check(self, waiting: asyncio.Task[None]) -> None:
        """A connection that came to nothing must not look like one that still waits."""
        if not waiting.cancelled() and (exc := waiting.exception()) is not None:
            self.log.error("no connection to kernel %s", self.kernel_id, exc_info=exc)
            self._close()

    def _close(self) -> None:
        self.websocket_handler.close(KERNEL_DID_NOT_START, "kernel did not start")

    def _send_status(self, state: str) -> None:
        message = self.session.msg("status", {"execution_state": state})
        parts = [
            self.session.pack(message[key])
            for key in ("header", "parent_header", "metadata", "content")
        ]
        if self.subprotocol == PROTOCOL_V1:
            frame = serialize_msg_to_ws_v1(parts, "iopub")  # type: ignore[no-untyped-call]
            self.write_message(frame, binary=True)
