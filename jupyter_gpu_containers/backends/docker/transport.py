"""HTTP over the engine's Unix socket: as docker-py does it, without its two weaknesses."""

from __future__ import annotations

import socket

from docker.transport.unixconn import (
    UnixHTTPAdapter,
    UnixHTTPConnection,
    UnixHTTPConnectionPool,
)


def connect_socket(path: str, timeout: float | None) -> socket.socket:
    """Return a connected Unix socket; where that fails, none is left open."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock


class _Connection(UnixHTTPConnection):
    def connect(self) -> None:
        """Connect; docker-py's own leaves a socket open for every attempt that failed."""
        self.sock = connect_socket(self.unix_socket, self.timeout)


class _Pool(UnixHTTPConnectionPool):
    def _new_conn(self) -> _Connection:  # type: ignore[override]
        return _Connection(self.base_url, self.socket_path, self.timeout)  # type: ignore[arg-type]


class EngineAdapter(UnixHTTPAdapter):
    """One pool of connections for all requests; docker-py's own has one for every URL."""

    def get_connection(self, url: bytes | str, proxies: object = None) -> UnixHTTPConnectionPool:
        """Return the pool."""
        with self.pools.lock:
            pool: UnixHTTPConnectionPool | None = self.pools.get("engine")
            if pool is None:
                pool = _Pool("engine", self.socket_path, self.timeout, maxsize=self.max_pool_size)
                self.pools["engine"] = pool
            return pool
