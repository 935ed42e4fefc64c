"""Whether an image's libraries hold code for a GPU's compute capability."""

from __future__ import annotations

from .cuda import dotted, ngc_capability, toolkits_for
from .gpu_needs import GpuNeeds, Need
from .host import HostGpu
from .rating import Fit, Rating, answer


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
    return answer(state, _ARCH_RATINGS[state], code, text, evidence)
