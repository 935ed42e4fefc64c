"""Whether this machine is short of memory, so that nothing is kept that nobody uses."""

from __future__ import annotations

import re
from pathlib import Path

PROC = Path("/proc")
ROOM = 0.15  # of the memory; with less that is available, nothing is kept ready
STALLED = 10.0  # percent of the last ten seconds in which some process waited for memory

_KB = re.compile(r"^(MemTotal|MemAvailable):\s+(\d+) kB$", re.MULTILINE)
_SOME = re.compile(r"^some avg10=([\d.]+)", re.MULTILINE)


def is_short_of_memory(proc: Path = PROC) -> bool:
    """Tell whether memory is short: by what is available, and by who waits for it (proc(5), PSI).

    A machine that does not tell is not short of it.
    """
    amounts = {name: int(amount) for name, amount in _KB.findall(_read(proc / "meminfo"))}
    total, available = amounts.get("MemTotal", 0), amounts.get("MemAvailable")
    if total and available is not None and available < ROOM * total:
        return True
    stalled = _SOME.search(_read(proc / "pressure" / "memory"))
    return stalled is not None and float(stalled[1]) > STALLED


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:  # a kernel without PSI, or one that has it switched off
        return ""
