"""What one run of a program wants other than its environment says, told by variables.

``JUPYTER_GPU_CONTAINERS_GPUS=2 papermill -k torch in.ipynb out.ipynb``: no second kernelspec is
needed; ``device=0,2`` instead of the number means these GPUs. The rules of the administrator hold
for what comes out, as for any environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.gpu.device import GpuSnapshot
from jupyter_gpu_containers.model.gpu.names import GpusAsked, gpus_named
from jupyter_gpu_containers.model.size import format_memory, parse_size

from .environment import Environment

PREFIX = "JUPYTER_GPU_CONTAINERS_"
GPUS, MEMORY, SHM_SIZE = (PREFIX + name for name in ("GPUS", "MEMORY", "SHM_SIZE"))
LEAST_MEMORY, LEAST_SHM = 32 << 20, 1 << 20  # bytes, as of an environment (NewEnvironment)


@dataclass(frozen=True)
class PerRun:
    """Limits of one run; None = as the environment says."""

    gpus: int | None = None
    memory: int | None = None  # bytes
    shm_size: int | None = None  # bytes
    gpu_names: tuple[str, ...] = ()  # particular GPUs, as they were named; then gpus is None
    gpu_uuids: tuple[str, ...] = ()  # the same, once they are `found`

    def __post_init__(self) -> None:
        """Refuse what no kernel could live with, before an engine does so in words of its own.

        Raises
        ------
        InvalidRequestError
        """
        for size, least, what in (
            (self.memory, LEAST_MEMORY, "a limit of memory"),
            (self.shm_size, LEAST_SHM, "a size of /dev/shm"),
        ):
            if size is not None and size < least:
                raise InvalidRequestError(
                    f"{format_memory(size)} is too little for {what}.",
                    f"Ask for {format_memory(least)} or more, for example {8 * least >> 20}m.",
                )

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> PerRun:
        """Read the variables; an empty one counts as none.

        Raises
        ------
        InvalidRequestError
            One of them cannot be understood.

        >>> PerRun.read({"JUPYTER_GPU_CONTAINERS_GPUS": "2"})
        PerRun(gpus=2, memory=None, shm_size=None, gpu_names=(), gpu_uuids=())
        """
        asked = _gpus(variables.get(GPUS, ""))
        return cls(
            asked.count,
            _size(MEMORY, variables.get(MEMORY, "")),
            _size(SHM_SIZE, variables.get(SHM_SIZE, "")),
            asked.names,
        )

    def variables(self) -> dict[str, str]:
        """Return the variables that say the same."""
        gpus = GpusAsked(self.gpus, self.gpu_names) if self.gpu_names else self.gpus
        values = {GPUS: gpus, MEMORY: self.memory, SHM_SIZE: self.shm_size}
        return {name: str(value) for name, value in values.items() if value is not None}

    def found(self, snapshot: GpuSnapshot) -> PerRun:
        """Return the same with the UUIDs of the GPUs that are named.

        Raises
        ------
        InvalidRequestError
            This machine has none that is called so.
        """
        uuids = tuple(gpu.uuid for gpu in gpus_named(snapshot, self.gpu_names))
        return replace(self, gpu_uuids=uuids)

    def of(self, environment: Environment) -> Environment:
        """Return the environment of this run, whose title says what is other than usual.

        Another number of GPUs than that of an environment of particular GPUs means any GPUs.
        """
        changed, words = environment, []
        if self.gpu_uuids and self.gpu_uuids != environment.gpu_uuids:
            count = len(self.gpu_uuids)
            changed = replace(changed, gpus=count, gpu_uuids=self.gpu_uuids, gpu_profile=None)
            words.append(f"GPU{'s' * (count > 1)} {' + '.join(n[:12] for n in self.gpu_names)}")
        elif self.gpus is not None and self.gpus != environment.gpus:
            profile = environment.gpu_profile if self.gpus else None
            changed = replace(changed, gpus=self.gpus, gpu_uuids=(), gpu_profile=profile)
            words.append("1 GPU" if self.gpus == 1 else f"{self.gpus} GPUs")
        if self.memory is not None and self.memory != environment.memory:
            changed = replace(changed, memory=self.memory)
            words.append(f"{format_memory(self.memory)} RAM")
        if self.shm_size is not None and self.shm_size != environment.shm_size:
            changed = replace(changed, shm_size=self.shm_size)
            words.append(f"{format_memory(self.shm_size)} shared")
        if not words:
            return environment
        return replace(changed, display_name=f"{environment.display_name} ({', '.join(words)})")


def _gpus(text: str) -> GpusAsked:
    if not text.strip():
        return GpusAsked()
    try:
        return GpusAsked.parse(text)
    except InvalidRequestError as exc:
        raise InvalidRequestError(f"{GPUS}: {exc.message}", exc.hint) from exc


def _size(name: str, text: str) -> int | None:
    if not text.strip():
        return None
    try:
        size = parse_size(text)
    except InvalidRequestError as exc:
        raise InvalidRequestError(f"{name}: {exc.message}", exc.hint) from exc
    if size == 0:  # an engine would take it as no limit
        raise InvalidRequestError(f"{name}: 0 is no limit.", "Write a size such as 8g.")
    return size
