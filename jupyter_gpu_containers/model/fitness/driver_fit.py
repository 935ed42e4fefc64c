"""Whether a driver runs an image's CUDA: natively, by minor-version or by forward compatibility."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from .cuda import (
    MINOR_VERSION_DRIVERS,
    Capability,
    ForwardCompatibility,
    Version,
    cuda_of_driver,
    dotted,
    first_branch,
    forward_compatibility,
    lowest_driver,
    numbers,
)
from .gpu_needs import GpuNeeds, Need
from .host import Host, HostGpu
from .rating import Fit, Rating, answer
from .requirement import Facts, compare, driver_branches


def driver_fit(needs: GpuNeeds, host: Host, gpu: HostGpu) -> Fit:
    """Tell whether the driver runs the image's CUDA, and by which of NVIDIA's three ways."""
    supported = supported_cuda(host)
    if gpu.compute_capability is not None and host.driver_version:
        branch, first = numbers(host.driver_version), first_branch(gpu.compute_capability)
        if branch and first and branch[0] < first:
            return answer(
                "too-old",
                Rating.INCOMPATIBLE,
                "driver_too_old",
                f"GPUs of compute capability {dotted(gpu.compute_capability)} need driver >= "
                f"{first}; this machine has {host.driver_version}.",
                gpu.name,
            )
    if needs.cuda is None:
        text = "The image does not tell its CUDA version, so the driver cannot be checked."
        return answer("unverified", Rating.UNVERIFIED, "cuda_unknown", text, "configuration, tag")
    if supported is None:
        text = f"{_says(needs.cuda)}; this machine's driver is not known."
        evidence = needs.cuda.evidence
        return answer("unverified", Rating.UNVERIFIED, "driver_unknown", text, evidence)
    have = f"driver {host.driver_version}" if host.driver_version else "this machine's driver"
    have += f" (CUDA up to {dotted(supported)})"
    if _covers(supported, needs.cuda.version):
        text = f"{_says(needs.cuda)}; {have} runs it."
        return answer("native", Rating.COMPATIBLE, "driver_native", text, needs.cuda.evidence)
    if minor_compatible(host, supported) and needs.cuda.version[0] == supported[0]:
        lowest = MINOR_VERSION_DRIVERS[supported[0]]
        text = (
            f"CUDA {needs.cuda} is newer than {have}, but runs by minor-version compatibility "
            f"(driver >= {lowest}): without features of newer drivers and without PTX."
        )
        evidence = needs.cuda.evidence
        return answer("minor-compat", Rating.COMPATIBLE, "driver_minor_compat", text, evidence)
    return _forward_compat(needs, needs.cuda, host, gpu, supported)


def supported_cuda(host: Host) -> Version | None:
    """Return the newest CUDA of a host's driver: as the driver says, else by its branch."""
    return _supported(host.cuda_version, host.driver_version)


@lru_cache(maxsize=256)
def _supported(cuda: str | None, driver: str | None) -> Version | None:
    found = numbers(cuda) or cuda_of_driver(driver)
    return found[:2] if found else None


def minor_compatible(host: Host, supported: Version) -> bool:
    """Tell whether every minor version of the driver's own CUDA major version runs."""
    lowest = MINOR_VERSION_DRIVERS.get(supported[0])
    if lowest is None:
        return supported[0] > max(MINOR_VERSION_DRIVERS) and host.driver_version is None
    return host.driver_version is None or compare(host.driver_version, ">=", lowest) is True


def _forward_compat(
    needs: GpuNeeds, cuda: Need, host: Host, gpu: HostGpu, supported: Version
) -> Fit:
    """The last way: the image brings the newer user-mode driver; for data-centre GPUs only."""
    lowest = lowest_driver(cuda.version)
    wants = (
        f"CUDA {cuda} needs driver >= {lowest}" if lowest else f"CUDA {cuda} needs a newer driver"
    )
    has = host.driver_version or f"one for CUDA up to {dotted(supported)}"
    text = f"{wants}; this machine has {has}."
    branches = driver_branches(needs.requirements.values(), facts_of(host, gpu))
    if not branches and not needs.compat:
        return _too_old(text, cuda.evidence)
    possible = forward_compatibility(gpu.brand, gpu.name)
    if possible is ForwardCompatibility.NO:
        return _too_old(
            f"{text} Forward compatibility is not available on {gpu.name}.", cuda.evidence
        )
    branch = (numbers(host.driver_version) or (0,))[0]
    if branches:
        evidence = "NVIDIA_REQUIRE_CUDA: driver branches " + ", ".join(map(str, branches))
        if not branches.get(branch):
            why = f" The image's cuda-compat is for branches {_list(branches)}."
            return _too_old(text + why, evidence)
        if possible is ForwardCompatibility.YES:
            why = (
                f"CUDA {cuda} is newer than driver {has}, but the image's cuda-compat is made for "
                f"branch R{branch} on such GPUs."
            )
            state = "forward-compat"
            return answer(state, Rating.COMPATIBLE, "driver_forward_compat", why, evidence)
    else:
        evidence = needs.compat
    reason = (
        "but only some workstation GPUs run it"
        if possible is ForwardCompatibility.SOME
        else "but does not say for which drivers"
    )
    text += f" The image brings cuda-compat, {reason}."
    state = "forward-compat-unverified"
    return answer(state, Rating.UNVERIFIED, "driver_forward_compat_unverified", text, evidence)


def _says(cuda: Need) -> str:
    return f"The image has CUDA {cuda}" if cuda.declared else f"CUDA {cuda} by {cuda.evidence}"


def _covers(supported: Version, cuda: Version) -> bool:
    """Compare major and minor version; a tag may tell the major version alone."""
    count = min(2, len(cuda))
    return supported[:count] >= cuda[:count]


def _too_old(text: str, evidence: str) -> Fit:
    return answer("too-old", Rating.INCOMPATIBLE, "driver_too_old", text, evidence)


def _list(branches: Iterable[int]) -> str:
    return ", ".join(f"R{branch}" for branch in branches)


def facts_of(host: Host, gpu: HostGpu) -> Facts:
    """Return what an image's conditions are held against."""
    return _facts(host.cuda_version, host.driver_version, gpu.compute_capability, gpu.brand)


@lru_cache(maxsize=256)
def _facts(
    cuda: str | None, driver: str | None, capability: Capability | None, brand: str | None
) -> Facts:
    supported = _supported(cuda, driver)
    return Facts(
        cuda=dotted(supported) if supported else None,
        driver=driver,
        arch=dotted(capability) if capability else None,
        brand=brand,
    )
