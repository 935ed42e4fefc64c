"""One look at all GPUs through NVML; blocking, and made for one thread (see ``nvml.py``).

Names and meanings are those of NVIDIA's NVML API reference. Importing this module imports pynvml,
which loads no library by itself; the driver's ``libnvidia-ml.so.1`` is loaded by the first
`NvmlReader.read`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pynvml
from pynvml import NVMLError

from jupyter_gpu_containers.model.fitness.cuda import BRANDS
from jupyter_gpu_containers.model.gpu.device import Driver, Gpu, GpuProcess, GpuSnapshot, Problem
from jupyter_gpu_containers.model.gpu.health import RecoveryAction, recovery_problem
from jupyter_gpu_containers.model.gpu.links import GpuLink

from .nvml_links import read_links
from .nvml_recovery import recovery_action
from .nvml_values import optional

log = logging.getLogger(__name__)

_REBOOT = "Reboot this machine, or stop all programs that use a GPU and reload the nvidia modules."
_PROBLEMS: dict[int, tuple[str, str, str]] = {
    pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: (
        "driver_not_installed",
        "No NVIDIA driver is installed on this machine (libnvidia-ml.so.1 was not found).",
        "Kernels run on the CPU. For GPUs, install NVIDIA's driver on the host.",
    ),
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED: (
        "driver_not_loaded",
        "The NVIDIA driver is installed, but its kernel module is not loaded.",
        "Run `sudo modprobe nvidia`; when that fails, see `sudo dmesg | grep -i nvidia`.",
    ),
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: (
        "driver_library_mismatch",
        "The NVIDIA driver was upgraded, but its old kernel module is still loaded.",
        _REBOOT + " Kernels that run now are not affected.",
    ),
    pynvml.NVML_ERROR_NO_PERMISSION: (
        "gpu_permission",
        "This user is not allowed to ask the NVIDIA driver.",
        "Check the permissions of /dev/nvidiactl and /dev/nvidia0.",
    ),
    pynvml.NVML_ERROR_GPU_IS_LOST: (
        "gpu_lost",
        "GPU {index} has fallen off the bus or is otherwise not accessible.",
        "See `sudo dmesg | grep -i xid`. Usually only a reboot brings the GPU back.",
    ),
    pynvml.NVML_ERROR_RESET_REQUIRED: (
        "gpu_reset_required",
        "GPU {index} must be reset before it can be used again.",
        "Stop all programs on it and run `sudo nvidia-smi --gpu-reset -i {index}`, or reboot.",
    ),
}
_MIG_PROFILE = re.compile(r"^(?P<name>.*?)\s+MIG\s+(?P<profile>\S+)$")
# answers that say that the initialisation is void, not that one device is
_SESSION_LOST = (
    pynvml.NVML_ERROR_UNINITIALIZED,
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
)


def problem_of(error: NVMLError, index: int | None = None) -> Problem:
    """Say an NVML error as a problem; ``index`` names the GPU when it is one GPU's."""
    code, message, hint = _PROBLEMS.get(
        error.value,
        (
            "nvml_error",
            f"The NVIDIA driver answered: {error}."
            if index is None
            else f"The NVIDIA driver answered for GPU {{index}}: {error}.",
            "See what `nvidia-smi` says.",
        ),
    )
    return Problem(code, message.format(index=index), hint.format(index=index))


@dataclass(frozen=True)
class _Identity:
    """What does not change about a GPU, kept for the time when it does not answer."""

    uuid: str
    name: str
    minor_number: int | None
    compute_capability: tuple[int, int] | None
    brand: str | None


class NvmlReader:
    """Reads snapshots; initialises NVML once, and again only when the driver forgot us."""

    def __init__(self) -> None:
        self._initialised = False
        self._known: dict[int, _Identity] = {}  # by index, of this initialisation
        self._whole: dict[
            str, Any
        ] = {}  # handles of healthy GPUs that are not in MIG mode, by UUID
        self._links: dict[tuple[str, str], GpuLink] = {}  # of these

    def read(self) -> GpuSnapshot:
        """Return all that NVML tells now. Failures of NVML are in the answer."""
        was_initialised = self._initialised
        try:
            return self._read()
        except NVMLError as error:
            self.close()
            if was_initialised and error.value in _SESSION_LOST:
                log.info("NVML is initialised anew: %s", error)
                return self.read()
            return GpuSnapshot(problem=problem_of(error))

    def close(self) -> None:
        """Shut NVML down; a later `read` initialises it again."""
        if self._initialised:
            self._initialised = False
            self._known.clear()
            self._whole.clear()
            with suppress(NVMLError):  # the driver may be gone, which is why we are here
                pynvml.nvmlShutdown()

    def _read(self) -> GpuSnapshot:
        if not self._initialised:
            pynvml.nvmlInit()
            self._initialised = True
        driver = Driver(pynvml.nvmlSystemGetDriverVersion(), _cuda_version())
        gpus: list[Gpu] = []
        before, self._whole = self._whole.keys(), {}
        for index in range(pynvml.nvmlDeviceGetCount()):
            try:
                gpus.extend(self._read_gpu(index))
            except NVMLError as error:
                if error.value in _SESSION_LOST:
                    raise
                gpus.append(self._broken(index, problem_of(error, index)))
        if self._whole.keys() != before:  # links do not change while GPUs stay what they are
            self._links = read_links(self._whole)
        if gpus:
            return GpuSnapshot(tuple(gpus), driver, links=self._links)
        message = f"The NVIDIA driver {driver.version} is loaded, but it has no GPU."
        hint = "See `lspci | grep -i nvidia`: the GPU may be absent, off, or given to a VM."
        return GpuSnapshot(driver=driver, problem=Problem("no_gpu", message, hint))

    def _read_gpu(self, index: int) -> Iterator[Gpu]:
        """Yield the leaf devices of one GPU: itself, or its MIG instances."""
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        self._known[index] = identity = _Identity(
            uuid=pynvml.nvmlDeviceGetUUID(handle),
            name=pynvml.nvmlDeviceGetName(handle),
            minor_number=optional(pynvml.nvmlDeviceGetMinorNumber, handle),
            compute_capability=_compute_capability(handle),
            brand=_brand(handle),
        )
        mig_mode = optional(pynvml.nvmlDeviceGetMigMode, handle)
        action = recovery_action(handle)
        if mig_mode is None or mig_mode[0] != pynvml.NVML_DEVICE_MIG_ENABLE:
            yield _with_recovery(_with_energy(handle, _leaf(handle, index, identity)), action)
            self._whole[identity.uuid] = handle
            return
        instances = list(_mig_instances(handle, index, identity))
        yield from (_with_recovery(instance, action) for instance in instances)
        if not instances:
            message = f"GPU {index} is in MIG mode, but has no MIG instance."
            hint = f"Make instances with `sudo nvidia-smi mig -cgi PROFILE -C -i {index}`."
            yield self._broken(index, Problem("mig_without_instances", message, hint))

    def _broken(self, index: int, problem: Problem) -> Gpu:
        """A GPU that cannot be given out, by the identity that it had when it last answered."""
        known = self._known.get(index)
        if known is None:
            return Gpu(
                f"GPU-unknown-{index}",
                index,
                "NVIDIA GPU",
                processes_known=False,
                problem=problem,
            )
        return Gpu(
            uuid=known.uuid,
            index=index,
            name=known.name,
            compute_capability=known.compute_capability,
            minor_number=known.minor_number,
            processes_known=False,
            problem=problem,
            brand=known.brand,
        )


def _cuda_version() -> str | None:
    number = optional(pynvml.nvmlSystemGetCudaDriverVersion_v2)
    return None if number is None else f"{number // 1000}.{number % 1000 // 10}"


def _compute_capability(handle: Any) -> tuple[int, int] | None:
    pair = optional(pynvml.nvmlDeviceGetCudaComputeCapability, handle)
    return None if pair is None else (int(pair[0]), int(pair[1]))


def _brand(handle: Any) -> str | None:
    """Name the brand as libnvidia-container does: images' conditions compare with that."""
    number = optional(pynvml.nvmlDeviceGetBrand, handle)
    if number is None:
        return None
    return BRANDS[number] if number < len(BRANDS) else BRANDS[0]


def _leaf(handle: Any, index: int, identity: _Identity) -> Gpu:
    total, used = _memory(handle)
    utilization = optional(pynvml.nvmlDeviceGetUtilizationRates, handle)
    processes = _processes(handle)
    return Gpu(
        uuid=identity.uuid,
        index=index,
        name=identity.name,
        memory_total=total,
        memory_used=used,
        utilization=None if utilization is None else int(utilization.gpu),
        compute_capability=identity.compute_capability,
        minor_number=identity.minor_number,
        processes=processes or (),
        processes_known=processes is not None,
        brand=identity.brand,
    )


def _with_energy(handle: Any, gpu: Gpu) -> Gpu:
    """Add what a whole GPU has taken, or takes; GPUs before Volta do not count it."""
    millijoules = optional(pynvml.nvmlDeviceGetTotalEnergyConsumption, handle)
    if millijoules is not None:
        return replace(gpu, energy=millijoules / 1000)
    milliwatts = optional(pynvml.nvmlDeviceGetPowerUsage, handle)
    return gpu if milliwatts is None else replace(gpu, power=milliwatts / 1000)


def _with_recovery(gpu: Gpu, action: RecoveryAction | None) -> Gpu:
    """Add what NVML wants done to the GPU; while it wants something, it is not to be given out."""
    if action is None:
        return gpu
    problem = gpu.problem or recovery_problem(gpu.index, action)
    return replace(gpu, recovery_action=action.value, problem=problem)


def _mig_instances(parent: Any, index: int, identity: _Identity) -> Iterator[Gpu]:
    """Yield the MIG devices of a GPU; indexes of deleted instances are gaps, not the end."""
    for number in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(parent)):
        handle = optional(pynvml.nvmlDeviceGetMigDeviceHandleByIndex, parent, number)
        if handle is None:
            continue
        name, profile = _mig_name(handle)
        uuid = pynvml.nvmlDeviceGetUUID(handle)
        device = _leaf(handle, index, replace(identity, uuid=uuid, name=name or identity.name))
        yield replace(device, parent_uuid=identity.uuid, mig_profile=profile)


def _mig_name(handle: Any) -> tuple[str, str]:
    """Return the GPU's name and the MIG profile: NVML says ``<name> MIG <profile>``."""
    match = _MIG_PROFILE.match(pynvml.nvmlDeviceGetName(handle))
    if match:
        return match["name"], match["profile"]
    attributes = pynvml.nvmlDeviceGetAttributes(handle)
    gigabytes = round(attributes.memorySizeMB / 1024)
    return "", f"{attributes.gpuInstanceSliceCount}g.{gigabytes}gb"


def _memory(handle: Any) -> tuple[int, int]:
    """Return bytes (total, used). Version 2 tells apart what the driver reserves for itself."""
    memory = optional(pynvml.nvmlDeviceGetMemoryInfo, handle, pynvml.nvmlMemory_v2)
    if memory is not None:
        return memory.total - memory.reserved, memory.used
    memory = optional(pynvml.nvmlDeviceGetMemoryInfo, handle)  # drivers before R510
    if memory is not None:
        return memory.total, memory.used
    return 0, 0  # unified memory (DGX Spark, Jetson): the GPU has none of its own


def _processes(handle: Any) -> tuple[GpuProcess, ...] | None:
    """List who computes; what also draws ("C+G", a desktop's program) does not occupy a GPU.

    None where the driver does not tell.
    """
    computing = _first_known(
        handle,
        pynvml.nvmlDeviceGetComputeRunningProcesses_v3,
        pynvml.nvmlDeviceGetComputeRunningProcesses_v2,  # drivers before R510
    )
    if not computing:
        return None if computing is None else ()
    drawing = _first_known(
        handle,
        pynvml.nvmlDeviceGetGraphicsRunningProcesses_v3,
        pynvml.nvmlDeviceGetGraphicsRunningProcesses_v2,
    )
    screen = {process.pid for process in drawing or ()}
    return tuple(GpuProcess(p.pid, p.usedGpuMemory) for p in computing if p.pid not in screen)


def _first_known(handle: Any, *functions: Callable[[Any], list[Any]]) -> list[Any] | None:
    """Call the first function that this driver has; None where it has none of them."""
    for function in functions:
        found = optional(function, handle)
        if found is not None:
            return found
    return None
