"""What launches need of Jupyter's own kernel and session managers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Activity:
    """What Jupyter knows of the use of a kernel."""

    busy: bool  # a cell runs or waits for input; also where nobody can say
    # seconds since the epoch: when something last came from it, or was typed or printed in a
    # terminal in its container
    last: float


class KernelDoor(Protocol):
    """Jupyter's own kernel and session managers, as far as launches need them."""

    async def start(self, kernel_id: str, name: str, path: str) -> None:
        """Start a kernel of a kernelspec under an id; return when it is up, raise why not."""

    async def stop(self, kernel_id: str) -> None:
        """Shut a kernel down, and forget one that never came up."""

    async def attached(self, kernel_id: str) -> bool:
        """Tell whether a session or a connection uses the kernel."""

    def activity(self, kernel_id: str) -> Activity:
        """Tell what is known of the kernel's use now."""

    async def answers(self, kernel_id: str) -> bool:
        """Ask the kernel itself; one in which a cell runs does not answer, or not at once."""
