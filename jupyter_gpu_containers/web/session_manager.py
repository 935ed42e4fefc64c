"""A session manager that tells which sessions there are, so that they can be listed again.

The stock one keeps its table in memory, and a server that comes back knows no notebooks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jupyter_server.services.sessions.sessionmanager import SessionManager

from jupyter_gpu_containers.model.kernel.record import SessionRow

Listener = Callable[[Mapping[str, tuple[SessionRow, ...]]], None]


class RememberingSessionManager(SessionManager):
    """Tells a listener of every change of its table; otherwise the stock manager."""

    listener: Listener | None = None

    async def save_session(self, *args: Any, **kwargs: Any) -> Any:
        """Add a session."""
        try:
            return await super().save_session(*args, **kwargs)  # type: ignore[no-untyped-call]
        finally:
            self._tell()

    async def update_session(self, *args: Any, **kwargs: Any) -> None:
        """Change a session's document or kernel."""
        try:
            await super().update_session(*args, **kwargs)  # type: ignore[no-untyped-call]
        finally:
            self._tell()

    async def delete_session(self, *args: Any, **kwargs: Any) -> None:
        """Remove a session and shut its kernel down."""
        try:
            await super().delete_session(*args, **kwargs)  # type: ignore[no-untyped-call]
        finally:
            self._tell()

    async def restore(self, kernel_id: str, rows: tuple[SessionRow, ...]) -> None:
        """List sessions of a kernel again, under the ids that pages know them by."""
        self.cursor.executemany(
            "INSERT INTO session SELECT ?,?,?,?,? WHERE NOT EXISTS "
            "(SELECT 1 FROM session WHERE session_id = ?)",
            [(row.id, row.path, row.name, row.type, kernel_id, row.id) for row in rows],
        )
        self._tell()

    def _tell(self) -> None:
        if self.listener is None:
            return
        found: dict[str, tuple[SessionRow, ...]] = {}
        self.cursor.execute("SELECT session_id, path, name, type, kernel_id FROM session")
        for session_id, path, name, kind, kernel_id in self.cursor.fetchall():
            row = SessionRow(session_id, path or "", name or "", kind or "")
            found[kernel_id] = (*found.get(kernel_id, ()), row)
        self.listener(found)
