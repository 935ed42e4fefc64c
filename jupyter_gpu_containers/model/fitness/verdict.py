"""Whether an image runs on a machine, GPU by GPU, with the reasons: before it is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jupyter_gpu_containers.model.image.image import ImageConfig
from jupyter_gpu_containers.model.size import format_bytes

from .arch_fit import arch_fit
from .cuda import numbers
from .driver_fit import driver_fit
from .gpu_needs import GpuNeeds, Need, Variables, about_gpus, read_needs, tag_cuda
from .host import Host, HostGpu
from .rating import Rating, Reason, Severity, best, severity, worst
from .requirement_fit import requirement_fit

__all__ = [
    "GpuVerdict",
    "ImageClaims",
    "Rating",
    "Reason",
    "Severity",
    "Verdict",
    "judge",
    "verdict_document",
]

ROOM_FACTOR = 2.5  # disk that an image takes while it is fetched and unpacked, by its download


@dataclass(frozen=True)
class ImageClaims:
    """What an image says of itself; None is "not known", never "none"."""

    reference: str  # "nvcr.io/nvidia/pytorch:25.08-py3"; "" where it has no name
    config: ImageConfig
    architecture: str | None  # Go's name, "amd64"
    download: int | None = None  # bytes still to fetch, compressed; 0 when it is on the engine
    kernels: bool | None = None  # whether a kernel is installed inside
    source: str = ""  # what `config` was taken from, if not from the image: "support matrix"


@dataclass(frozen=True)
class GpuVerdict:
    """How an image and one GPU get on."""

    index: int
    rating: Rating
    driver: str  # native, minor-compat, forward-compat[-unverified], too-old, unverified
    arch: str  # ok, ok-ptx, likely, no-kernel, unverified; both "" where they do not matter
    requirement: str  # NVIDIA_REQUIRE_*: pass, fail, error
    reasons: tuple[Reason, ...]

    def of(self, index: int) -> GpuVerdict:
        """Return the same for another GPU of the kind; `dataclasses.replace` takes far longer."""
        return GpuVerdict(
            index, self.rating, self.driver, self.arch, self.requirement, self.reasons
        )


@dataclass(frozen=True)
class Verdict:
    """How an image and a machine get on: the best of its GPUs, and what holds for all."""

    rating: Rating
    gpus: tuple[GpuVerdict, ...]
    reasons: tuple[Reason, ...]


def judge(image: ImageClaims, host: Host) -> Verdict:
    """Judge an image on a machine; a pure function of what both say of themselves.

    The machine's rating is that of its best GPU, since one that fits is enough for a launch,
    unless something that holds for the whole machine is worse.

    Parameters
    ----------
    image : ImageClaims
    host : Host
    """
    general = _general(image, host)
    variables = image.config.env
    part = _judge_gpus(
        about_gpus(variables),
        None if numbers(variables.get("CUDA_VERSION")) else tag_cuda(image.reference),
        image.source,
        host.driver_version,
        host.cuda_version,
        host.gpus,
    )
    if general and general[0][1].code == "wrong_architecture":
        return _same_for_all(Rating.INCOMPATIBLE, general, host, part)
    if part.wanted is None:
        text = "The image asks for no GPU."
        none = (Rating.CPU, Reason("wants_no_gpu", text, "configuration, tag"))
        return _same_for_all(Rating.CPU, [*general, none], host, part)
    if not host.gpus:
        return _summary(Rating.INCOMPATIBLE, (), [_no_gpu(part.wanted, host), *general])
    return _summary(part.rating, part.gpus, general, part.decisive)


_Rated = tuple[Rating, Reason]


@dataclass(frozen=True)
class _GpuPart:
    """What only GPUs and their driver decide."""

    wanted: str | None
    rating: Rating = Rating.CPU
    gpus: tuple[GpuVerdict, ...] = ()
    decisive: tuple[Reason, ...] = ()


@lru_cache(maxsize=2048)  # images on one base image say the same of GPUs, and are asked for again
def _judge_gpus(
    variables: Variables,
    tag: Need | None,
    source: str,
    driver: str | None,
    cuda: str | None,
    gpus: tuple[HostGpu, ...],
) -> _GpuPart:
    needs = read_needs(variables, tag, source)
    if needs.wanted is None or not gpus:
        return _GpuPart(needs.wanted)
    host = Host(None, driver, cuda, gpus)
    judged: dict[tuple[object, ...], GpuVerdict] = {}  # a machine's GPUs are mostly of one kind
    verdicts = []
    for gpu in gpus:
        kind = (gpu.name, gpu.compute_capability, gpu.brand, gpu.problem)
        known = judged.get(kind)
        if known is None:
            judged[kind] = known = _judge_gpu(needs, host, gpu)
        else:
            known = known.of(gpu.index)
        verdicts.append(known)
    rating = best(verdict.rating for verdict in verdicts)
    decisive = next(verdict for verdict in verdicts if verdict.rating is rating)
    return _GpuPart(needs.wanted, rating, tuple(verdicts), decisive.reasons)


def _judge_gpu(needs: GpuNeeds, host: Host, gpu: HostGpu) -> GpuVerdict:
    requirement = requirement_fit(needs, host, gpu)
    if gpu.problem is not None:
        reason = Reason("gpu_broken", gpu.problem, "NVML", Severity.PROBLEM)
        return GpuVerdict(gpu.index, Rating.GPU_BROKEN, "", "", requirement.state, (reason,))
    driver = driver_fit(needs, host, gpu)
    arch = arch_fit(needs, gpu, driver)
    fits = sorted((driver, arch, requirement), key=lambda fit: -severity(fit.rating))
    return GpuVerdict(
        index=gpu.index,
        rating=worst(fit.rating for fit in fits),
        driver=driver.state,
        arch=arch.state,
        requirement=requirement.state,
        reasons=tuple(fit.reason for fit in fits if fit.reason is not None),
    )


def _general(image: ImageClaims, host: Host) -> list[_Rated]:
    """What holds for the machine as a whole, the most serious first."""
    reasons = []
    if image.architecture and host.architecture and image.architecture != host.architecture:
        text = (
            f"The image is for {image.architecture} processors; "
            f"this machine's is {host.architecture}."
        )
        evidence = f"architecture {image.architecture}"
        reason = Reason("wrong_architecture", text, evidence, Severity.PROBLEM)
        reasons.append((Rating.INCOMPATIBLE, reason))
    if image.download:
        reasons.append(_disk(image.download, host.disk_free))
    if image.kernels is not None:
        reasons.append((Rating.COMPATIBLE, _kernel(image.kernels)))
    return sorted(reasons, key=lambda rated: -severity(rated[0]))


def _disk(download: int, free: int | None) -> _Rated:
    needed = int(download * ROOM_FACTOR)
    text = f"{format_bytes(download)} are to be fetched, which take about {format_bytes(needed)}"
    evidence = "sizes of the layers"
    if free is None:
        return Rating.COMPATIBLE, Reason("disk_unknown", f"{text} of disk.", evidence)
    text = f"{text} of disk; {format_bytes(free)} are free."
    if free < needed:
        return Rating.INCOMPATIBLE, Reason("disk_full", text, evidence, Severity.PROBLEM)
    return Rating.COMPATIBLE, Reason("disk_sufficient", text, evidence, Severity.OK)


def _kernel(inside: bool) -> Reason:
    if inside:
        text = "The image has a Jupyter kernel inside."
        return Reason("kernel_inside", text, "look inside the image")
    text = "The image has no Jupyter kernel inside: one is carried in for its Python."
    return Reason("kernel_carried_in", text, "look inside the image")


def _no_gpu(wanted: str, host: Host) -> _Rated:
    what = "no GPU" if host.driver_version else "no NVIDIA driver, and so no GPU"
    text = f"The image is made for a GPU; this machine has {what}. It can start on the CPU only."
    return Rating.INCOMPATIBLE, Reason("no_gpu", text, wanted, Severity.PROBLEM)


def _same_for_all(rating: Rating, rated: list[_Rated], host: Host, part: _GpuPart) -> Verdict:
    """The rating of an image that no GPU decides about; conditions are told all the same."""
    decisive = tuple(reason for own, reason in rated if own is rating)
    conditions = {gpu.index: gpu.requirement for gpu in part.gpus}
    gpus = tuple(
        GpuVerdict(gpu.index, rating, "", "", conditions.get(gpu.index, "pass"), decisive)
        for gpu in host.gpus
    )
    return _summary(rating, gpus, rated)


def _summary(
    rating: Rating,
    gpus: tuple[GpuVerdict, ...],
    general: list[_Rated],
    decisive: tuple[Reason, ...] = (),
) -> Verdict:
    """Put together: serious reasons of the machine, those of its best GPU, then the rest."""
    bad = [reason for own, reason in general if own is Rating.INCOMPATIBLE]
    rest = [reason for own, reason in general if own is not Rating.INCOMPATIBLE]
    return Verdict(
        rating=Rating.INCOMPATIBLE if bad and rating is not Rating.GPU_BROKEN else rating,
        gpus=gpus,
        reasons=(*bad, *decisive, *rest),
    )


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as the command line and the REST interface write it."""
    return {
        "verdict": verdict.rating.value,
        "gpus": [
            {
                "index": gpu.index,
                "verdict": gpu.rating.value,
                "driver": gpu.driver,
                "arch": gpu.arch,
                "requirement": gpu.requirement,
                "reasons": _reasons(gpu.reasons),
            }
            for gpu in verdict.gpus
        ],
        "reasons": _reasons(verdict.reasons),
    }


def _reasons(reasons: tuple[Reason, ...]) -> list[dict[str, str]]:
    return [
        {
            "code": reason.code,
            "message": reason.message,
            "evidence": reason.evidence,
            "severity": reason.severity.value,
        }
        for reason in reasons
    ]
