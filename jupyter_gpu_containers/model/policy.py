"""What an administrator allows: rules, and the sentence in which each of them refuses.

There may be several sets of rules, the machine's and the server's own. All of them hold: none can
loosen what another says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from jupyter_gpu_containers.errors import PolicyError
from jupyter_gpu_containers.model.image.image import ImageReference
from jupyter_gpu_containers.model.image.pattern import ImagePattern, glob, registry_name
from jupyter_gpu_containers.model.kernel.container import Network
from jupyter_gpu_containers.model.kernel.idle import IdleLimit
from jupyter_gpu_containers.model.size import format_memory

ADMINISTRATOR = "the administrator"
CONFIGURATION = "this server's configuration"
SHOWN = 10  # patterns that a hint names


class Show(IntEnum):
    """What people are told of the kernels of other users."""

    NONE = 0
    COUNTS = 1
    ALL = 2


@dataclass(frozen=True)
class Rules:
    """What one configuration allows; by default everything."""

    source: str = CONFIGURATION  # who says so, in words
    allowed_images: tuple[ImagePattern, ...] = ()  # () = all
    denied_images: tuple[ImagePattern, ...] = ()  # go before the allowed ones
    allowed_registries: tuple[str, ...] = ()  # hosts, with "*"; () = all
    max_gpus_per_kernel: int | None = None
    max_gpus_per_user: int | None = None
    max_kernels_per_user: int | None = None
    max_memory: int | None = None  # bytes
    max_run_time: float | None = None  # seconds
    max_idle: IdleLimit | None = None
    networks: tuple[Network, ...] = tuple(Network)
    carry_into_unknown_images: bool = True
    show_others: Show = Show.ALL

    @property
    def limits_images(self) -> bool:
        """Whether it matters which image it is."""
        return bool(self.allowed_images or self.denied_images or self.allowed_registries)

    @property
    def limits_users(self) -> bool:
        """Whether it matters what else a user runs."""
        return self.max_gpus_per_user is not None or self.max_kernels_per_user is not None


@dataclass(frozen=True)
class KernelRequest:
    """One kernel, as far as rules are concerned."""

    gpus: int = 0
    memory: int | None = None  # bytes; None = the default, which rules limit by themselves
    network: Network = Network.BRIDGE


@dataclass(frozen=True)
class Usage:
    """What a user has already."""

    user: str
    kernels: int = 0
    gpus: int = 0


def image_refusal(
    names: Collection[ImageReference], what: str, rules: Sequence[Rules]
) -> PolicyError | None:
    """Return why an image may not be used.

    Parameters
    ----------
    names : collection of ImageReference
        All that it is known by; one that is allowed is enough, one that is denied, too.
    what : str
        What people call it.
    rules : sequence of Rules
    """
    return _first(_image_refusal(names, what, one) for one in rules)


def kernel_refusal(request: KernelRequest, rules: Sequence[Rules]) -> PolicyError | None:
    """Return why a kernel may not be started, whoever wants it and whatever else runs."""
    return _first(_kernel_refusal(request, one) for one in rules)


def usage_refusal(
    request: KernelRequest, usage: Usage, rules: Sequence[Rules]
) -> PolicyError | None:
    """Return why a user may not have one kernel more."""
    return _first(_usage_refusal(request, usage, one) for one in rules)


def carry_refusal(
    names: Collection[ImageReference],
    what: str,
    known: Collection[ImageReference],
    rules: Sequence[Rules],
) -> PolicyError | None:
    """Return why no kernel may be carried into an image.

    Parameters
    ----------
    known : collection of ImageReference
        The catalogue's.
    """
    return _first(_carry_refusal(names, what, known, one) for one in rules)


def run_time(rules: Iterable[Rules]) -> tuple[float, str] | None:
    """Return the most seconds that a kernel may run, and who says so; None = for ever."""
    limits = [(one.max_run_time, one.source) for one in rules if one.max_run_time is not None]
    return min(limits, default=None)


def idle_limits(rules: Iterable[Rules]) -> tuple[tuple[IdleLimit, str], ...]:
    """Return for how long a kernel with GPUs may be idle at most, and who says so."""
    return tuple((one.max_idle, one.source) for one in rules if one.max_idle is not None)


def most_gpus(rules: Iterable[Rules]) -> int | None:
    """Return the most GPUs that a kernel may have; None = as many as there are."""
    limits = [
        limit
        for one in rules
        for limit in (one.max_gpus_per_kernel, one.max_gpus_per_user)
        if limit is not None
    ]
    return min(limits, default=None)


def most_memory(rules: Iterable[Rules]) -> int | None:
    """Return the most bytes that a kernel may have; None = as many as there are."""
    return min((one.max_memory for one in rules if one.max_memory is not None), default=None)


def shown(rules: Iterable[Rules]) -> Show:
    """Return what people are told of the kernels of other users."""
    return min((one.show_others for one in rules), default=Show.ALL)


def default_network(wanted: Network, rules: Iterable[Rules]) -> Network:
    """Return the network of a kernel that names none: the wanted one, else one that is allowed."""
    rules = tuple(rules)
    networks: list[Network] = [wanted, *Network]
    for network in networks:
        if all(network in one.networks for one in rules):
            return network
    return wanted  # nothing is allowed: the start is refused


# --- one set of rules -----------------------------------------------------------------------------


def _first(refusals: Iterable[PolicyError | None]) -> PolicyError | None:
    return next((refusal for refusal in refusals if refusal is not None), None)


def _image_refusal(
    names: Collection[ImageReference], what: str, rules: Rules
) -> PolicyError | None:
    if any(pattern.matches(name) for pattern in rules.denied_images for name in names):
        return PolicyError(
            f"{_sentence(rules)} does not allow the image {what} (c.GpuContainers.denied_images).",
            _allowed(rules),
            code="policy_image",
        )
    here = [name for name in names if _in_registry(name, rules)]
    if not here and rules.allowed_registries:
        return PolicyError(
            f"{_sentence(rules)} does not allow images of the registry of {what} "
            "(c.GpuContainers.allowed_registries).",
            f"Allowed: {_listed(rules.allowed_registries)}.",
            code="policy_registry",
        )
    if rules.allowed_images and not _matches_any(here, rules.allowed_images):
        return PolicyError(
            f"{_sentence(rules)} does not allow the image {what} (c.GpuContainers.allowed_images).",
            _allowed(rules),
            code="policy_image",
        )
    return None


def _kernel_refusal(request: KernelRequest, rules: Rules) -> PolicyError | None:
    most = rules.max_gpus_per_kernel
    if most is not None and not 0 <= request.gpus <= most:
        return PolicyError(
            f"{_sentence(rules)} allows at most {_gpus(most)} per kernel "
            f"(c.GpuContainers.max_gpus_per_kernel); {request.gpus} were asked for.",
            _fewer(most),
            code="policy_gpus",
        )
    per_user = rules.max_gpus_per_user
    if per_user is not None and request.gpus > per_user:
        return PolicyError(
            f"{_sentence(rules)} allows at most {_gpus(per_user)} per user "
            f"(c.GpuContainers.max_gpus_per_user); {request.gpus} were asked for.",
            _fewer(per_user),
            code="policy_gpus",
        )
    # for an engine a negative limit is none
    if (
        rules.max_memory is not None
        and request.memory
        and not 0 < request.memory <= rules.max_memory
    ):
        asked = format_memory(request.memory) if request.memory > 0 else "no limit"
        return PolicyError(
            f"{_sentence(rules)} allows at most {format_memory(rules.max_memory)} RAM per kernel "
            f"(c.GpuContainers.max_memory); asked for: {asked}.",
            f"Ask for {format_memory(rules.max_memory)} or less.",
            code="policy_memory",
        )
    if request.network not in rules.networks:
        return PolicyError(
            f"{_sentence(rules)} does not allow the network “{request.network.value}” "
            "(c.GpuContainers.networks).",
            f"Allowed: {_listed([allowed.value for allowed in rules.networks])}.",
            code="policy_network",
        )
    return None


def _usage_refusal(request: KernelRequest, usage: Usage, rules: Rules) -> PolicyError | None:
    most = rules.max_kernels_per_user
    if most is not None and usage.kernels + 1 > most:
        return PolicyError(
            f"{_sentence(rules)} allows at most {most} kernel{'s' * (most != 1)} in containers per "
            f"user (c.GpuContainers.max_kernels_per_user); {usage.user} has {usage.kernels}.",
            "Shut one down first: `jupyter gpu-containers ps` lists them.",
            code="policy_kernels",
        )
    per_user = rules.max_gpus_per_user
    if per_user is not None and request.gpus and usage.gpus + request.gpus > per_user:
        free = max(0, per_user - usage.gpus)
        return PolicyError(
            f"{_sentence(rules)} allows at most {_gpus(per_user)} per user "
            f"(c.GpuContainers.max_gpus_per_user); {usage.user} has {usage.gpus}, and "
            f"{request.gpus} more were asked for.",
            f"Shut a kernel down first, or start with {_gpus(free)}." if free else _GIVE_BACK,
            code="policy_gpus",
        )
    return None


def _carry_refusal(
    names: Collection[ImageReference],
    what: str,
    known: Collection[ImageReference],
    rules: Rules,
) -> PolicyError | None:
    if rules.carry_into_unknown_images or _matches_any(names, rules.allowed_images):
        return None
    # anybody can give an image a name; that it came from a repository its digest there tells
    origins = {(name.registry, name.repository) for name in names if name.digest}
    mine = {name for name in names if (name.registry, name.repository) in origins}
    if not mine.isdisjoint(known):
        return None
    return PolicyError(
        f"{what} has no Jupyter kernel inside, and {rules.source} does not allow to carry one into "
        "images that neither the catalogue nor the allowed images name "
        "(c.GpuContainers.carry_into_unknown_images).",
        "Take an image of the catalogue, or one with ipykernel installed.",
        code="policy_carry",
    )


_GIVE_BACK = "Shut a kernel with GPUs down first, or start on CPU."


def _in_registry(name: ImageReference, rules: Rules) -> bool:
    if not rules.allowed_registries:
        return True
    host = registry_name(name.registry)
    return any(glob(registry_name(allowed)).fullmatch(host) for allowed in rules.allowed_registries)


def _matches_any(names: Iterable[ImageReference], patterns: Sequence[ImagePattern]) -> bool:
    return any(pattern.matches(name) for name in names for pattern in patterns)


def _sentence(rules: Rules) -> str:
    return rules.source[:1].upper() + rules.source[1:]


def _gpus(number: int) -> str:
    return "no GPU" if number == 0 else f"{number} GPU{'s' * (number != 1)}"


def _fewer(most: int) -> str:
    return "Start on CPU." if most == 0 else f"Start with {_gpus(most)} or fewer."


def _allowed(rules: Rules) -> str:
    if rules.allowed_images:
        return f"Allowed: {_listed([pattern.text for pattern in rules.allowed_images])}."
    return "Choose another image."


def _listed(words: Sequence[str]) -> str:
    more = len(words) - SHOWN
    return (", ".join(words[:SHOWN]) or "nothing") + (f" and {more} more" if more > 0 else "")
