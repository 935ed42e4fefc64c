"""When NVIDIA's runtime is told to skip an image's conditions, and when a kernel is refused.

The runtime hook refuses what minor-version compatibility would run, since it knows nothing of that;
`NVIDIA_DISABLE_REQUIRE` switches its check off. GPUs by CDI are not checked at all: there the
variable changes nothing, and the refusal here is the only one.
"""

from __future__ import annotations

from collections.abc import Mapping

from jupyter_gpu_containers.errors import ConflictError
from jupyter_gpu_containers.model.gpu.device import Gpu, Problem
from jupyter_gpu_containers.model.image.image import ImageConfig
from jupyter_gpu_containers.model.kernel.nvidia_env import DISABLE_REQUIRE

from .host import Host
from .rating import Rating, Reason
from .verdict import ImageClaims, judge


def requirement_waiver(
    config: ImageConfig,
    own: Mapping[str, str],
    reference: str,
    gpus: tuple[Gpu, ...],
    host: Host,
) -> Reason | None:
    """Return why the check of an image's conditions is to be skipped; None where it is not.

    Parameters
    ----------
    config : ImageConfig
        The image's.
    own : mapping
        Variables that the kernel gets from the administrator and its kernelspec. Whoever sets
        ``NVIDIA_DISABLE_REQUIRE`` there has decided; nothing is judged then.
    reference : str
        The image's name.
    gpus : tuple of Gpu
        Those that the kernel gets; with none there is nothing to decide.
    host : Host
        This machine.

    Raises
    ------
    ConflictError
        ``requirement_not_met``: a condition is not met, and the image does not run on one of the
        GPUs.
    """
    if not gpus or DISABLE_REQUIRE in own:
        return None
    # The devices are ours to name, so an image that asks for none is judged like any other.
    env = {**config.env, **own, "NVIDIA_VISIBLE_DEVICES": "all"}
    verdict = judge(ImageClaims(reference, ImageConfig(env=env), architecture=None), host)
    given = {gpu.index for gpu in gpus}
    judged = [gpu for gpu in verdict.gpus if gpu.index in given and gpu.requirement == "fail"]
    for gpu in judged:
        if gpu.rating is Rating.INCOMPATIBLE:
            raise ConflictError(
                f"“{reference}” does not run on GPU {gpu.index}. {gpu.reasons[0].message}",
                "Choose an image made for an older CUDA, or update the driver. To start it all "
                f"the same, set {DISABLE_REQUIRE}=1 in c.GpuContainers.environment_variables.",
                code="requirement_not_met",
            )
    reasons = (reason for gpu in judged for reason in gpu.reasons)
    return next((reason for reason in reasons if reason.code == "needs_disable_require"), None)


def waiver_warning(reason: Reason) -> Problem:
    """Return what a user is told whose kernel was started although a condition is not met.

    Parameters
    ----------
    reason : Reason
        See `requirement_waiver`.
    """
    return Problem(
        "requirement_waived",
        f"The image asks for more than this machine's driver promises ({reason.evidence}). It was "
        f"started all the same, with {DISABLE_REQUIRE}=1: minor-version compatibility of CUDA runs "
        "most of such images.",
        "If a program says that the driver or CUDA's version does not suffice, take an image that "
        f"was made for an older CUDA, or update the driver. With {DISABLE_REQUIRE} in "
        "c.GpuContainers.environment_variables you decide yourself.",
    )
