"""Whose rules hold: those of the system's configuration files, and those of this server's own.

Jupyter reads the user's file after the system's, so that what the user sets wins. For rules that
would be the wrong way round. So the system's files are read once more, by themselves, and what they
say holds beside the rest: the user's own rules can only add to it.
"""

from __future__ import annotations

import os

from jupyter_core import paths
from traitlets.config.application import Application

from jupyter_gpu_containers.model.gpu.slots import GpuSlots
from jupyter_gpu_containers.model.image.pattern import ImagePattern
from jupyter_gpu_containers.model.kernel.container import Mount, Network
from jupyter_gpu_containers.model.kernel.idle import IdleLimit, IdleRules
from jupyter_gpu_containers.model.kernel.launch import Policy
from jupyter_gpu_containers.service.pool.pool import SpareRules

from .errors import InvalidRequestError
from .model import policy as model
from .model.policy import ADMINISTRATOR, CONFIGURATION, Rules, Show
from .model.size import parse_size
from .settings import DATA_FOLDER, GpuContainers


def system_settings(name: str) -> GpuContainers:
    """Return what the system's configuration files alone set.

    Parameters
    ----------
    name : str
        Of the files, without their suffix.

    Raises
    ------
    InvalidRequestError
        One of them cannot be read or used: then nobody knows what is allowed.
    """
    reader = Application(raise_config_file_errors=True)
    try:
        reader.load_config_file(name, path=administrators_folders())
        return GpuContainers(config=reader.config)
    except Exception as exc:  # whatever a file in Python may raise
        raise InvalidRequestError(
            f"The administrator's configuration {name} cannot be used: "
            f"{type(exc).__name__}: {str(exc)[:300]}",
            "No kernel is started without it. Tell the administrator.",
            code="policy_invalid",
        ) from exc


def administrators_folders() -> list[str]:
    """Return the folders of Jupyter's configuration that are not the user's, the strongest first.

    Those of the system always; that of the Python environment where this user cannot write into
    it. Unlike Jupyter's own list no variable of the user's has a part in it.
    """
    environment = [folder for folder in paths.ENV_CONFIG_PATH if _is_others(folder)]
    return [*paths.SYSTEM_CONFIG_PATH, *environment]


def _is_others(folder: str) -> bool:
    return os.path.isdir(folder) and not os.access(folder, os.W_OK)


def all_rules(traits: GpuContainers, system: GpuContainers) -> tuple[Rules, ...]:
    """Return the rules that hold, the administrator's first.

    Raises
    ------
    InvalidRequestError
        A setting cannot be used.
    """
    theirs, own = rules_of(system, ADMINISTRATOR), rules_of(traits, CONFIGURATION)
    same = {**vars(own), "source": theirs.source} == vars(theirs)
    return tuple(
        rules for rules in ((theirs,) if same else (theirs, own)) if rules != Rules(rules.source)
    )


def rules_of(traits: GpuContainers, source: str) -> Rules:
    """Return the rules of one configuration. Raises `InvalidRequestError`."""
    return Rules(
        source=source,
        allowed_images=tuple(map(ImagePattern.parse, traits.allowed_images)),
        denied_images=tuple(map(ImagePattern.parse, traits.denied_images)),
        allowed_registries=tuple(traits.allowed_registries),
        max_gpus_per_kernel=traits.max_gpus_per_kernel,
        max_gpus_per_user=traits.max_gpus_per_user,
        max_kernels_per_user=traits.max_kernels_per_user,
        max_memory=memory_size(traits.max_memory) if traits.max_memory else None,
        max_run_time=traits.max_run_time or None,
        max_idle=_idle_limit(traits),
        networks=tuple(Network(network) for network in traits.networks),
        carry_into_unknown_images=traits.carry_into_unknown_images,
        show_others=Show[traits.show_others.upper()],
    )


def _idle_limit(traits: GpuContainers) -> IdleLimit | None:
    if not traits.max_idle_time:
        return None
    return IdleLimit(traits.max_idle_time, traits.idle_warning, traits.idle_gpu_utilization)


def machine_ram() -> int:
    """Return the bytes of RAM that this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def memory_size(text: str) -> int:
    """Return bytes of a size, or of a percentage of the host's memory.

    Raises
    ------
    InvalidRequestError
    """
    if not text.endswith("%"):
        return parse_size(text)
    try:
        return int(machine_ram() * float(text[:-1]) / 100)
    except (ValueError, OverflowError):
        raise InvalidRequestError(
            f"“{text[:50]}” is not a percentage of memory.", "Write it like 80%, or as a size: 16g."
        ) from None


def container_policy(
    traits: GpuContainers, system: GpuContainers, rules: tuple[Rules, ...]
) -> Policy:
    """Return what every container gets, within the rules.

    The data mounts of the administrator stand as they are; others are added.

    Raises
    ------
    InvalidRequestError
        A setting cannot be used.
    """
    mounts = {}
    for name, text in {**traits.data_mounts, **system.data_mounts}.items():
        source = text.removesuffix(":rw").removesuffix(":ro")
        if not os.path.isdir(source) or "/" in name or name in ("", ".", ".."):
            raise InvalidRequestError(
                f"The data mount {name!r} cannot be used: {source} is not a folder, or the name is "
                "not a plain one.",
                "Correct c.GpuContainers.data_mounts.",
                code="data_mount_invalid",
            )
        mounts[name] = Mount(
            os.path.realpath(source), f"{DATA_FOLDER}/{name}", read_only=not text.endswith(":rw")
        )
    return Policy(
        memory=_least(memory_size(traits.memory), model.most_memory(rules)),
        shm_size=parse_size(traits.shm_size),
        pids_limit=traits.pids_limit,
        network=model.default_network(Network(traits.network), rules),
        data_mounts=mounts,
        environment_variables=dict(traits.environment_variables),
        gpu_slots=GpuSlots.parse(traits.gpu_slots),
    )


def idle_rules(traits: GpuContainers, rules: tuple[Rules, ...]) -> IdleRules:
    """Return when kernels are stopped as idle."""
    return IdleRules(
        traits.idle_timeout,
        model.idle_limits(rules),
        traits.idle_warning,
        traits.idle_gpu_utilization,
    )


def spare_rules(traits: GpuContainers) -> SpareRules:
    """Return how many containers wait for kernels."""
    return SpareRules(
        traits.spare_kernels, traits.max_spare_kernels, traits.spare_timeout, traits.spare_gpus
    )


def _least(wanted: int, most: int | None) -> int:
    return wanted if most is None else min(wanted, most)
