"""Who may see whose kernels: what is said of the containers that hold GPUs."""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container
from jupyter_gpu_containers.model.policy import Show
from jupyter_gpu_containers.service.recovery.signing import Signer

PROMISED = "promised to "  # how the queue calls a container that this process is about to make


class Sight:
    """What this user is told of containers.

    Parameters
    ----------
    show : Show
        How much of those of others.
    user : str
        Login name.
    signer : Signer, optional
        Tells the user's containers from those that only say so.
    """

    def __init__(self, show: Show = Show.ALL, user: str = "", signer: Signer | None = None) -> None:
        self.show = show
        self._user = user
        self._signer = signer or Signer()

    def sees(self, container: Container) -> bool:
        """Tell whether the user may know whose it is and what it does."""
        if self.show is Show.ALL or container.id.startswith(PROMISED):
            return True
        mine = container.labels.get(labels.USER) == self._user
        return mine and self._signer.is_ours(container)

    def words(self, containers: Iterable[Container]) -> list[str]:
        """Return who they are, in words, as far as the user may know."""
        seen, hidden = [], 0
        for container in containers:
            if self.sees(container):
                seen.append(labels.describe(container))
            else:
                hidden += 1
        if hidden and self.show is Show.COUNTS:
            seen.append(f"{hidden} kernel{'s' * (hidden > 1)} of other users")
        return seen
