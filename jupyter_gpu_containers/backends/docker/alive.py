"""Whether the engine takes new connections: one that stops serves only those that it has."""

from __future__ import annotations

import logging
import time

import requests

from .client import EngineClient
from .transport import EngineAdapter, connect_socket

log = logging.getLogger(__name__)

PATIENCE = 1.5  # seconds; where systemd holds the socket, a connection is taken and not answered


def takes_connections(client: EngineClient, patience: float = PATIENCE) -> bool:
    """Ask for a sign of life by a connection of its own.

    Parameters
    ----------
    client : EngineClient
        Its pooled connections are not used.
    patience : float
        Seconds to wait for the answer.
    """
    adapter = client.get_adapter(client.base_url)
    try:
        if isinstance(adapter, EngineAdapter):
            return _ping(adapter.socket_path, patience)
        return requests.get(
            f"{client.base_url}/_ping", timeout=patience, verify=client.verify, cert=client.cert
        ).ok
    except (OSError, requests.RequestException) as exc:
        log.debug("The engine takes no connection: %r", exc)
        return False


def _ping(path: str, patience: float) -> bool:
    deadline = time.monotonic() + patience
    with connect_socket(path, patience) as connection:
        connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")
        answer = b""
        while b"\r\n" not in answer:
            connection.settimeout(max(0.001, deadline - time.monotonic()))
            part = connection.recv(1024)
            if not part:
                break
            answer += part
    return answer.startswith(b"HTTP/") and answer.split(b" ", 2)[1:2] == [b"200"]
