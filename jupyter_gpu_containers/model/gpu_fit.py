"""Whether one GPU and its driver meet what an image needs: three answers, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .cuda import (
    MINOR_VERSION_DRIVERS,
    ForwardCompatibility,
    Version,
    cuda_of_driver,
    dotted,
    first_branch,
    forward_compatibility,
    lowest_driver,
    ngc_capability,
    numbers,
    toolkits_for,
)
from .gpu_needs import GpuNeeds, Need
from .host import Host, HostGpu
from .rating import Rating, Reason, worst
from .requirement import Facts, Outcome, compare, driver_branches, evaluate, unsatisfied

_NEWEST_MINOR = "99"  # stands for "any minor version" of CUDA


@dataclass(frozen=True)
class Fit:
    """One answer."""

    state: str
    rating: Rating
    reason: Reason | None = None


# --- driver ------------------------------------------------------------------------------------


def driver_fit(needs: GpuNeeds, host: Host, gpu: HostGpu) -> Fit:
    """Tell whether the driver runs the image's CUDA, and by which of NVIDIA's three ways."""
    supported = supported_cuda(host)
    if gpu.compute_capability is not None and host.driver_version:
        branch, first = numbers(host.driver_version), first_branch(gpu.compute_capability)
        if branch and first and branch[0] < first:
            return _driver(
                "too-old",
                Rating.INCOMPATIBLE,
                "driver_too_old",
                f"GPUs of compute capability {dotted(gpu.compute_capability)} need driver >= "
                f"{first}; this machine has {host.driver_version}.",
                gpu.name,
            )
    if needs.cuda is None:
        text = "The image does not tell its CUDA version, so the driver cannot be checked."
        return _driver("unverified", Rating.UNVERIFIED, "cuda_unknown", text, "configuration, tag")
    if supported is None:
        text = f"{_says(needs.cuda)}; this machine's driver is not known."
        evidence = needs.cuda.evidence
        return _driver("unverified", Rating.UNVERIFIED, "driver_unknown", text, evidence)
    have = f"driver {host.driver_version}" if host.driver_version else "this machine's driver"
    have += f" (CUDA up to {dotted(supported)})"
    if _covers(supported, needs.cuda.version):
        text = f"{_says(needs.cuda)}; {have} runs it."
        return _driver("native", Rating.COMPATIBLE, "driver_native", text, needs.cuda.evidence)
    if minor_compatible(host, supported) and needs.cuda.version[0] == supported[0]:
        lowest = MINOR_VERSION_DRIVERS[supported[0]]
        text = (
            f"CUDA {needs.cuda} is newer than {have}, but runs by minor-version compatibility "
            f"(driver >= {lowest}): without features of newer drivers and without PTX."
        )
        evidence = needs.cuda.evidence
        return _driver("minor-compat", Rating.COMPATIBLE, "driver_minor_compat", text, evidence)
    return _forward_compat(needs, needs.cuda, host, gpu, supported)


def supported_cuda(host: Host) -> Version | None:
    """Return the newest CUDA of a host's driver: as the driver says, else by its branch."""
    found = numbers(host.cuda_version) or cuda_of_driver(host.driver_version)
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
    wants = f"CUDA {cuda} needs driver >= {lowest}" if lowest else f"CUDA {cuda} needs a newer one"
    has = host.driver_version or f"one for CUDA up to {dotted(supported)}"
    text = f"{wants}; this machine has {has}."
    branches = driver_branches(needs.requirements.values(), Facts())
    if not branches and not needs.compat:
        return _too_old(text, cuda.evidence)
    possible = forward_compatibility(gpu.brand, gpu.name)
    if possible is ForwardCompatibility.NO:
        return _too_old(
            f"{text} Forward compatibility is not available on {gpu.name}.", cuda.evidence
        )
    branch = (numbers(host.driver_version) or (0,))[0]
    if branches:
        listed = driver_branches(needs.requirements.values(), _facts(host, gpu))
        evidence = "NVIDIA_REQUIRE_CUDA: driver branches " + ", ".join(map(str, branches))
        if branch not in listed:
            why = f" The image's cuda-compat is for branches {_list(branches)}."
            return _too_old(text + why, evidence)
        if possible is ForwardCompatibility.YES:
            why = (
                f"CUDA {cuda} is newer than driver {has}, but the image's cuda-compat is made for "
                f"branch R{branch} on such GPUs."
            )
            state = "forward-compat"
            return _driver(state, Rating.COMPATIBLE, "driver_forward_compat", why, evidence)
    else:
        evidence = needs.compat
    reason = (
        "but only some workstation GPUs run it"
        if possible is ForwardCompatibility.SOME
        else "but does not say for which drivers"
    )
    text += f" The image brings cuda-compat, {reason}."
    state = "forward-compat-unverified"
    return _driver(state, Rating.UNVERIFIED, "driver_forward_compat_unverified", text, evidence)


def _says(cuda: Need) -> str:
    return f"The image has CUDA {cuda}" if cuda.declared else f"CUDA {cuda} by {cuda.evidence}"


def _covers(supported: Version, cuda: Version) -> bool:
    """Compare major and minor version; a tag may tell the major version alone."""
    count = min(2, len(cuda))
    return supported[:count] >= cuda[:count]


def _too_old(text: str, evidence: str) -> Fit:
    return _driver("too-old", Rating.INCOMPATIBLE, "driver_too_old", text, evidence)


def _driver(state: str, rating: Rating, code: str, text: str, evidence: str) -> Fit:
    return Fit(state, rating, Reason(code, text, evidence))


def _list(branches: tuple[int, ...]) -> str:
    return ", ".join(f"R{branch}" for branch in branches)


# --- compute capability ------------------------------------------------------------------------


def arch_fit(needs: GpuNeeds, gpu: HostGpu, driver: Fit) -> Fit:
    """Tell whether the image's libraries hold code for the GPU."""
    capability = gpu.compute_capability
    if capability is None:
        text = f"The compute capability of {gpu.name} is not known."
        return _arch("unverified", "capability_unknown", text, "host")
    if needs.archs is not None and (needs.archs.archs or not needs.archs.strange):
        return _listed(needs, gpu, driver)
    lowest = ngc_capability(needs.ngc_release) if needs.ngc_release else None
    if lowest is not None and capability < lowest:
        text = (
            f"NVIDIA's images of release {needs.ngc_release} are for compute capability "
            f"{dotted(lowest)} or newer; {gpu.name} has {dotted(capability)}."
        )
        return _arch("no-kernel", "gpu_too_old", text, needs.ngc_evidence)
    if needs.cuda is None or not needs.cuda.declared:
        text = "The image declares neither a list of GPU architectures nor a CUDA version."
        return _arch("unverified", "arch_unknown", text, "configuration")
    return _by_toolkit(needs.cuda, gpu)


def _listed(needs: GpuNeeds, gpu: HostGpu, driver: Fit) -> Fit:
    archs, capability = needs.archs, gpu.compute_capability
    assert archs is not None
    assert capability is not None
    mine = f"{gpu.name} has {dotted(capability)}"
    if archs.code_for(capability):
        text = f"The image has code for compute capability {archs.text}; {mine}."
        return _arch("ok", "arch_ok", text, needs.archs_evidence)
    ptx = archs.ptx_for(capability)
    if ptx is not None and driver.state != "minor-compat":
        text = (
            f"The image has no code for {dotted(capability)}, but PTX of {dotted(ptx)}, which the "
            f"driver compiles for {gpu.name} at the first use: that takes minutes."
        )
        return _arch("ok-ptx", "arch_ptx", text, needs.archs_evidence)
    if archs.strange:
        text = f"The image's list of GPU architectures is “{archs.text}”; {mine}."
        return _arch("unverified", "arch_unknown", text, needs.archs_evidence)
    newest = archs.newest
    code = "gpu_too_new" if newest is not None and capability > newest else "gpu_too_old"
    text = f"The image has code for compute capability {archs.text or 'none'}; {mine}."
    if ptx is not None:
        text += " Its PTX is newer than the driver, which cannot compile it."
        code = "gpu_too_new"
    return _arch("no-kernel", code, text, needs.archs_evidence)


def _by_toolkit(cuda: Need, gpu: HostGpu) -> Fit:
    capability = gpu.compute_capability
    assert capability is not None
    shown, known = dotted(capability), toolkits_for(capability)
    if known is None:
        text = f"It is not known which CUDA makes code for compute capability {shown}."
        return _arch("unverified", "arch_unknown", text, cuda.evidence)
    first, last = known
    if last is not None and cuda.version[:2] > last:
        text = (
            f"CUDA {dotted(last)} was the last one for compute capability {shown} ({gpu.name}); "
            f"the image has CUDA {cuda}."
        )
        return _arch("no-kernel", "gpu_too_old", text, cuda.evidence)
    if cuda.version[:2] < first:
        text = (
            f"CUDA {dotted(first)} was the first one for compute capability {shown} "
            f"({gpu.name}); the image has CUDA {cuda} and runs only if it holds PTX."
        )
        return _arch("unverified", "gpu_too_new", text, cuda.evidence)
    text = (
        f"The image declares no list of GPU architectures, but its CUDA {cuda} can make code for "
        f"{shown} ({gpu.name})."
    )
    return _arch("likely", "arch_likely", text, cuda.evidence)


_ARCH_RATINGS = {
    "ok": Rating.COMPATIBLE,
    "ok-ptx": Rating.COMPATIBLE,
    "likely": Rating.LIKELY,
    "unverified": Rating.UNVERIFIED,
    "no-kernel": Rating.INCOMPATIBLE,
}


def _arch(state: str, code: str, text: str, evidence: str) -> Fit:
    return Fit(state, _ARCH_RATINGS[state], Reason(code, text, evidence))


# --- NVIDIA_REQUIRE_* --------------------------------------------------------------------------


def requirement_fit(needs: GpuNeeds, host: Host, gpu: HostGpu) -> Fit:
    """Tell what NVIDIA's runtime would say of the image's own conditions.

    It knows nothing of minor-version compatibility: what fails for that alone can run, with the
    check switched off. What cannot be understood fails there, too, but says nothing of the GPU.
    """
    if needs.refusal:
        reason = Reason("runtime_refuses", needs.refusal, "configuration")
        return Fit("error", Rating.LIKELY, reason)
    facts = _facts(host, gpu)
    fits = [_unmet(name, text, facts, host, gpu) for name, text in needs.requirements.items()]
    unmet = [fit for fit in fits if fit is not None]
    if unmet:
        bad = worst(fit.rating for fit in unmet)
        return next(fit for fit in unmet if fit.rating is bad)
    if needs.disabled:
        message = "The image asks to skip the check of its conditions."
        reason = Reason("requirement_disabled", message, "NVIDIA_DISABLE_REQUIRE")
        return Fit("pass", Rating.COMPATIBLE, reason)
    return Fit("pass", Rating.COMPATIBLE)


def _unmet(name: str, text: str, facts: Facts, host: Host, gpu: HostGpu) -> Fit | None:
    outcome = evaluate(text, facts)
    if outcome is Outcome.PASS:
        return None
    evidence = f"{name}={text if len(text) <= 80 else text[:79] + '…'}"
    if outcome is Outcome.ERROR:
        message = (
            f"NVIDIA's runtime cannot understand {name} and refuses the container: it needs "
            "NVIDIA_DISABLE_REQUIRE=1, or GPUs by CDI."
        )
        return Fit("error", Rating.LIKELY, Reason("requirement_invalid", message, evidence))
    said = unsatisfied(text).partition(", please")[0]
    supported = supported_cuda(host)
    if supported is not None and minor_compatible(host, supported):
        newest = replace(facts, cuda=f"{supported[0]}.{_NEWEST_MINOR}")
        if evaluate(text, newest) is Outcome.PASS:
            message = (
                f"NVIDIA's runtime refuses it ({said}), though minor-version compatibility "
                "runs it: it needs NVIDIA_DISABLE_REQUIRE=1, or GPUs by CDI."
            )
            return Fit("fail", Rating.LIKELY, Reason("needs_disable_require", message, evidence))
    about = f"CUDA {facts.cuda or 'unknown'}, driver {facts.driver or 'unknown'}, {gpu.name}"
    message = f"The image's own condition is not met ({said}); this machine has {about}."
    return Fit("fail", Rating.INCOMPATIBLE, Reason("requirement_failed", message, evidence))


def _facts(host: Host, gpu: HostGpu) -> Facts:
    supported = supported_cuda(host)
    return Facts(
        cuda=dotted(supported) if supported else None,
        driver=host.driver_version,
        arch=dotted(gpu.compute_capability) if gpu.compute_capability else None,
        brand=gpu.brand,
    )
