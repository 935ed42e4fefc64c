"""A Unix socket in front of the engine's, which notes every request that passes."""

from __future__ import annotations

import asyncio
import re
import threading
from pathlib import Path

_REQUEST = re.compile(rb"^(GET|HEAD|POST|PUT|DELETE) (\S+) HTTP/1\.1\r\n", re.MULTILINE)


class CountingProxy:
    """Forwards bytes both ways, in a thread of its own.

    Parameters
    ----------
    upstream : str
        Path of the engine's socket.
    path : Path
        Where to listen.
    """

    def __init__(self, upstream: str, path: Path) -> None:
        self.url = f"unix://{path}"
        self.requests: list[str] = []
        self._upstream = upstream
        self._path = path
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> CountingProxy:
        self._thread.start()
        serving = asyncio.start_unix_server(self._serve, str(self._path))
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_unix_connection(self._upstream)
        self._writers |= {writer, up_writer}
        await asyncio.gather(
            self._pump(up_reader, writer), self._pump(reader, up_writer, note=True)
        )
        self._writers -= {writer, up_writer}

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, note: bool = False
    ) -> None:
        try:
            while data := await reader.read(1 << 16):
                if note:
                    # a client writes a request's head by one call, so it comes in one piece
                    self.requests += [
                        f"{method.decode()} {path.decode()}"
                        for method, path in _REQUEST.findall(data)
                    ]
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            return  # one side went away; the other is closed below
        finally:
            writer.close()
