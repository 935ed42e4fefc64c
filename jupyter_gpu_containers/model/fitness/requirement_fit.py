"""What NVIDIA's container runtime would say of an image's own conditions, and what that means."""

from __future__ import annotations

from dataclasses import replace

from .driver_fit import facts_of, minor_compatible, supported_cuda
from .gpu_needs import GpuNeeds
from .host import Host, HostGpu
from .rating import Fit, Rating, Reason, answer, worst
from .requirement import Facts, Outcome, evaluate, unsatisfied

_NEWEST_MINOR = "99"  # stands for "any minor version" of CUDA


def requirement_fit(needs: GpuNeeds, host: Host, gpu: HostGpu) -> Fit:
    """Tell what NVIDIA's runtime would say of the image's own conditions.

    It knows nothing of minor-version compatibility: what fails for that alone can run, with the
    check switched off. What cannot be understood fails there, too, but says nothing of the GPU.
    """
    if needs.refusal:
        return answer("error", Rating.LIKELY, "runtime_refuses", needs.refusal, "configuration")
    facts = facts_of(host, gpu)
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
            f"NVIDIA's runtime cannot understand {name} and refuses the container, unless GPUs "
            "come by CDI, or c.GpuContainers.environment_variables has NVIDIA_DISABLE_REQUIRE=1."
        )
        return answer("error", Rating.LIKELY, "requirement_invalid", message, evidence)
    said = unsatisfied(text).partition(", please")[0]
    supported = supported_cuda(host)
    if supported is not None and minor_compatible(host, supported):
        newest = replace(facts, cuda=f"{supported[0]}.{_NEWEST_MINOR}")
        if evaluate(text, newest) is Outcome.PASS:
            message = (
                f"NVIDIA's runtime would refuse it ({said}), though minor-version compatibility "
                "runs it: kernels with GPUs are started with NVIDIA_DISABLE_REQUIRE=1."
            )
            return answer("fail", Rating.LIKELY, "needs_disable_require", message, evidence)
    about = f"CUDA {facts.cuda or 'unknown'}, driver {facts.driver or 'unknown'}, {gpu.name}"
    message = f"The image's own condition is not met ({said}); this machine has {about}."
    return answer("fail", Rating.INCOMPATIBLE, "requirement_failed", message, evidence)
