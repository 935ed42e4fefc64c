"""Speaks with the process that keeps a container (`keeper.py`), from outside.

The two named pipes lie in the kernel's run directory, which the kernel can write to. What it does
to them harms itself alone: no link is followed, nothing but a pipe is opened, and an answer is a
word and a number.
"""

from __future__ import annotations

import array
import asyncio
import concurrent.futures
import contextlib
import fcntl
import os
import select
import termios
import threading

from .keeper import ANSWERS_FILE, ORDERS_FILE
from .pipes import make_pipe, open_pipe

LONGEST = 100  # bytes of an answer
HEARD = 1.0  # seconds in which a keeper reads an order, also on a busy machine
LOOK = 0.0005  # seconds between two looks for that


class NotKeptError(Exception):
    """The container's process does not do what was ordered; no more than that is known of it."""


class KeeperLink:
    """One order to keep a container between two kernels; it holds until the link is closed.

    Methods belong to no event loop, and return at once.

    Parameters
    ----------
    folder : str
        The run directory.

    Raises
    ------
    NotKeptError
        Nobody takes orders there.
    """

    def __init__(self, folder: str) -> None:
        self._answers = self._open(folder, ANSWERS_FILE, os.O_RDONLY)
        try:
            self._orders = self._open(folder, ORDERS_FILE, os.O_WRONLY)
        except NotKeptError:
            os.close(self._answers)
            raise
        self._lock = threading.Lock()
        self._stop = os.pipe()
        self._closed = False
        self.ended: concurrent.futures.Future[int] = concurrent.futures.Future()
        self._started: concurrent.futures.Future[None] = concurrent.futures.Future()
        for future in (self.ended, self._started):
            future.set_running_or_notify_cancel()  # several may wait: nobody can cancel it
        threading.Thread(target=self._listen, name="gpu-containers-keeper", daemon=True).start()

    @property
    def exit_code(self) -> int | None:
        """How the kernel ended of which nothing is left, as a shell says it; None before that."""
        if not self.ended.done() or self.ended.exception() is not None:
            return None
        return self.ended.result()

    def restart(self, *, ahead: bool) -> None:
        """Order that the container outlives its kernel.

        Parameters
        ----------
        ahead : bool
            Begin the next one now, as far as it does not need the place of this one.
        """
        self._say(b"restart ahead\n" if ahead else b"restart\n")

    def kill(self) -> None:
        """Order that the kernel is killed."""
        self._say(b"kill\n")

    def go(self) -> concurrent.futures.Future[None]:
        """Order that the next kernel goes on; the future raises `NotKeptError`."""
        self._say(b"go\n")
        return self._started

    def close(self) -> None:
        """Take the order back: a container without a kernel ends now."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            os.close(self._orders)
            os.close(self._stop[1])

    # --- inside -------------------------------------------------------------------------------

    @staticmethod
    def _open(folder: str, name: str, direction: int) -> int:
        try:
            return open_pipe(os.path.join(folder, name), direction)
        except OSError as exc:
            raise NotKeptError(f"{name}: {exc.strerror}") from exc

    def _say(self, line: bytes) -> None:
        with self._lock, contextlib.suppress(OSError):  # gone: the answers' end tells so
            if not self._closed:
                os.write(self._orders, line)

    def _listen(self) -> None:
        poll = select.poll()
        poll.register(self._answers, select.POLLIN)
        poll.register(self._stop[0], select.POLLIN)
        heard = b""
        try:
            while True:
                ready = dict(poll.poll())
                data = os.read(self._answers, LONGEST) if self._answers in ready else b""
                if not data:  # closed, by whichever of the two
                    return
                *lines, heard = (heard + data)[-LONGEST:].split(b"\n")
                for line in lines:
                    self._on_answer(line.split())
        except BlockingIOError:
            return
        finally:
            os.close(self._answers)
            os.close(self._stop[0])
            for future in (self.ended, self._started):
                if not future.done():
                    future.set_exception(NotKeptError("the container's process does not answer"))

    def _on_answer(self, words: list[bytes]) -> None:
        if len(words) == 2 and words[0] == b"ended" and words[1].isdigit() and len(words[1]) <= 3:
            if not self.ended.done():
                self.ended.set_result(int(words[1]))
        elif words == [b"started"] and self.ended.done() and not self._started.done():
            self._started.set_result(None)


def make_pipes(folder: str, user: tuple[int, int]) -> None:
    """Make the pipes: where they are, the container has a keeper. Raises `OSError`.

    Parameters
    ----------
    folder : str
    user : tuple of int
        User and group id of the container's process.
    """
    for name in (ORDERS_FILE, ANSWERS_FILE):
        make_pipe(os.path.join(folder, name), user)


async def pass_signal(folder: str, number: int) -> bool:
    """Have the keeper send its kernel a signal; False: there is none, or it takes no orders.

    A tenth of what the engine takes for it, which begins a process of its own each time. As with
    kill(2), the signal has been sent when this returns: what the kernel is told next comes after
    it. Only a keeper that does not listen for `HEARD` seconds is not waited for.

    Parameters
    ----------
    folder : str
        The run directory.
    number : int
        Of the signal.
    """
    try:
        orders = open_pipe(os.path.join(folder, ORDERS_FILE), os.O_WRONLY)
    except OSError:
        return False
    sent = False
    try:
        # the second is no order: who reads it has done what was ordered before
        for line in (b"signal %d\n" % number, b"\n"):
            os.write(orders, line)
            sent = True
            if not await _taken(orders):
                break
    except OSError:
        pass  # the keeper has ended, with its kernel
    finally:
        os.close(orders)
    return sent


async def _taken(pipe: int) -> bool:
    """Wait until nothing more is to be read from a pipe; False: `HEARD` seconds were too few."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + HEARD
    unread = array.array("i", [1])
    while loop.time() < deadline:
        fcntl.ioctl(pipe, termios.FIONREAD, unread)
        if not unread[0]:
            return True
        await asyncio.sleep(LOOK)  # nothing tells of it
    return False


def has_pipes(folder: str) -> bool:
    """Tell whether a container of this run directory was to have a keeper."""
    return os.path.lexists(os.path.join(folder, ORDERS_FILE))
