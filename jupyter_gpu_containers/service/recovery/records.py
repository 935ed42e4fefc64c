"""The records of this server's kernels: small files that only the user can read.

They are a memory, not the truth: a record that is lost costs its kernel, but no claim depends on
one. They hold connection keys, so they lie outside of everything that is mounted into containers.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from jupyter_gpu_containers.model.kernel.record import KernelRecord, SessionRow, is_kernel_id

from .crashpoints import reached
from .starts import Starts

DRAFT = ".draft"


class Records:
    """One file a kernel, replaced as a whole; methods block for one small write.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path, *, log: logging.Logger | None = None) -> None:
        self._folder = folder
        self.starts = Starts(folder.with_name("starts"), log=log)  # of which there is no record yet
        self._log = log or logging.getLogger(__name__)
        self._written: dict[str, KernelRecord] = {}
        self._sessions: dict[str, tuple[SessionRow, ...]] = {}  # also of kernels without a record

    def put(self, record: KernelRecord) -> None:
        """Write a kernel's record, with the sessions that are known of it.

        One that cannot be written is told in the log: the kernel will not survive its server, and
        is otherwise as good as any.
        """
        record = record.with_sessions(self._sessions.get(record.kernel_id, record.sessions))
        if not is_kernel_id(record.kernel_id):  # a client may choose it, and it is a file's name
            return
        if self._written.get(record.kernel_id) == record:
            return
        try:
            self._write(record)
        except OSError as exc:
            self._log.warning(
                "kernel %s will not outlive this server: its record cannot be written: %s",
                record.kernel_id,
                exc,
            )
        self._written[record.kernel_id] = record

    def note_sessions(self, sessions: Mapping[str, tuple[SessionRow, ...]]) -> None:
        """Take over which sessions there are, by kernel id; none = they were closed."""
        before, self._sessions = self._sessions, dict(sessions)
        for kernel_id in before.keys() | sessions.keys():
            record = self._written.get(kernel_id)
            if record is not None and before.get(kernel_id) != sessions.get(kernel_id):
                self.put(record.with_sessions(sessions.get(kernel_id, ())))

    def has(self, kernel_id: str) -> bool:
        """Tell whether there is a record of a kernel, of whichever server in this data folder."""
        return is_kernel_id(kernel_id) and self._path(kernel_id).exists()

    def remove(self, kernel_id: str) -> None:
        """Forget a kernel; one that is not known is fine."""
        self._written.pop(kernel_id, None)
        if not is_kernel_id(kernel_id):
            return
        try:
            self._path(kernel_id).unlink(missing_ok=True)
        except OSError as exc:
            self._log.warning("could not remove the record of kernel %s: %s", kernel_id, exc)
        reached("record.removed")

    def of_server(self, server: str) -> list[KernelRecord]:
        """Read the records of a server; damaged ones are told in the log and removed.

        Drafts that its former life did not live to finish are removed, too.
        """
        found = []
        for path in self._folder.glob(f"*.{server}{DRAFT}"):
            path.unlink(missing_ok=True)
        for path in sorted(self._folder.glob("*.json")):
            try:
                record = KernelRecord.from_document(json.loads(path.read_bytes()))
            except (OSError, ValueError) as exc:
                self._log.warning("the record %s cannot be used: %s", path, exc)
                path.unlink(missing_ok=True)
                continue
            if record.server == server and path == self._path(record.kernel_id):
                self._written[record.kernel_id] = record
                self._sessions[record.kernel_id] = record.sessions
                found.append(record)
        return found

    def awaited(self, may_return: Callable[[str], bool]) -> set[str]:
        """Return the ids of kernels whose server lives or may come back, on whichever engine."""
        found = set()
        for path in self._folder.glob("*.json"):
            try:
                server = json.loads(path.read_bytes())["server"]
            except (OSError, ValueError, KeyError, TypeError):  # nobody can take that kernel over
                continue
            if isinstance(server, str) and may_return(server):
                found.add(path.stem)
        return found

    def _write(self, record: KernelRecord) -> None:
        path = self._path(record.kernel_id)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # by the server's name, which one process has at a time: what it left, its next life removes
        draft = path.with_name(f"{path.stem}.{record.server}{DRAFT}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        reached("record.write")
        try:
            with open(os.open(draft, flags, 0o600), "w") as file:
                json.dump(record.to_document(), file)
            reached("record.drafted")
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        reached("record.written")

    def _path(self, kernel_id: str) -> Path:
        return self._folder / f"{kernel_id}.json"
