"""``environments``: kernelspecs of ours."""

from __future__ import annotations

import argparse
from typing import Any

from jupyter_gpu_containers.model.duration import parse_duration
from jupyter_gpu_containers.model.gpu.names import gpus_named
from jupyter_gpu_containers.model.kernel.container import Network
from jupyter_gpu_containers.model.kernel.environment import check_name
from jupyter_gpu_containers.model.size import format_memory
from jupyter_gpu_containers.service.kernel.environments import environment_problems
from jupyter_gpu_containers.service.services import Services
from jupyter_gpu_containers.web.serializers import environment_model

from .completion import offer
from .gpu_arguments import add_gpu_arguments, named, sizes
from .outcome import Outcome
from .tables import Style, table


def add_environment_words(words: Any, common: argparse.ArgumentParser) -> None:
    """Add ``environments`` and its actions to the words of the command line."""
    text = "Add, list, show and remove environments, which are kernelspecs."
    parser = words.add_parser("environments", help=text, description=text)
    verbs = parser.add_subparsers(metavar="ACTION", required=True)

    text = "Make an environment of an image on this machine; Ctrl-C leaves nothing behind."
    add = verbs.add_parser("add", parents=[common], help=text, description=text)
    add.set_defaults(command=environments_add)
    offer(add.add_argument("image", metavar="REF", help="image reference or id"), "images")
    add.add_argument("--name", help="of the kernelspec, for `jupyter console --kernel NAME`")
    add.add_argument("--display-name", help="what menus show")
    add_gpu_arguments(add, "default: none")
    add.add_argument("--kernel", metavar="NAME", help="kernel in the image; default: its first")
    add.add_argument("--memory", metavar="SIZE", help="limit of memory, for example 8g")
    add.add_argument("--shm-size", metavar="SIZE", help="size of /dev/shm, for example 1g")
    add.add_argument(
        "--network", choices=[network.value for network in Network], help="what kernels can reach"
    )
    mount = add.add_argument(
        "--mount",
        action="append",
        metavar="NAME",
        help="a data mount of the configuration; may be given several times; default: its own",
    )
    offer(mount, "mounts")
    add.add_argument(
        "--idle-timeout",
        metavar="TIME",
        help="for how long kernels may be idle, for example 2h; 0: for ever",
    )

    text = "Show all environments."
    shown = verbs.add_parser("list", parents=[common], help=text, description=text)
    shown.set_defaults(command=environments_list)

    text = "Show one environment, with all that its kernels get."
    show = verbs.add_parser("show", parents=[common], help=text, description=text)
    show.set_defaults(command=environments_show)
    offer(show.add_argument("name", metavar="NAME"), "environments")

    text = "Remove an environment; kernels that run in it go on."
    remove = verbs.add_parser("remove", parents=[common], help=text, description=text)
    remove.set_defaults(command=environments_remove)
    offer(remove.add_argument("name", metavar="NAME"), "environments")


async def environments_list(services: Services, arguments: Any) -> Outcome:
    """``environments list``: schema ``Environment`` of the contract."""
    found = services.environments.list()
    problems = await environment_problems(found, services.backend)
    models = [environment_model(e, problems.get(e.name)) for e in found]

    def text(style: Style) -> str:
        if not models:
            return "There is no environment. Make one: jupyter gpu-containers environments add REF"
        titles = ("NAME", "DISPLAY NAME", "IMAGE", "GPUS", "MEMORY", "PROBLEM")
        return table(titles, [_environment_row(model) for model in models], style)

    return Outcome({"environments": models}, text)


def _environment_row(model: dict[str, Any]) -> tuple[str, ...]:
    return (
        model["name"],
        model["display_name"],
        model["reference"],
        _gpus(model),
        format_memory(model["memory"]) if model["memory"] else "",
        model["problem"]["message"] if model["problem"] else "",
    )


def _gpus(model: dict[str, Any]) -> str:
    if model["gpu_profile"]:
        return f"{model['gpus']} × {model['gpu_profile']}"
    return ", ".join(model["gpu_uuids"]) or str(model["gpus"])


async def environments_show(services: Services, arguments: Any) -> Outcome:
    """``environments show``: schema ``Environment`` of the contract."""
    found = services.environments.get(arguments.name)
    problems = await environment_problems([found], services.backend)
    model = environment_model(found, problems.get(found.name))
    return Outcome(model, lambda style: _whole(model, style))


def _whole(model: dict[str, Any], style: Style) -> str:
    """Return an environment in full; what the configuration decides is left out."""
    idle, mounts = model["idle_timeout"], model["mounts"]
    facts = {
        "name": model["name"],
        "image": model["reference"],
        "id": model["image_id"].removeprefix("sha256:")[:12],
        "kernel": model["kernel"],
        "GPUs": _gpus(model),
        "memory": format_memory(model["memory"]) if model["memory"] else "",
        "/dev/shm": format_memory(model["shm_size"]) if model["shm_size"] else "",
        "network": model["network"],
        "may be idle": "" if idle is None else f"{idle:g} s" if idle else "for ever",
        "data mounts": "" if mounts is None else ", ".join(mounts) or "none",
        "problem": model["problem"]["message"] if model["problem"] else "",
        "hint": model["problem"]["hint"] if model["problem"] else "",
    }
    width = max(map(len, facts)) + 2
    lines = [style.paint(model["display_name"], "bold")]
    return "\n".join([*lines, *(f"{k:<{width}}{v}" for k, v in facts.items() if v)])


async def environments_add(services: Services, arguments: Any) -> Outcome:
    """``environments add``: the same rules as ``POST environments``."""
    from jupyter_gpu_containers.web.contract import (
        validate,  # a second of imports that no other command needs
    )

    gpus = arguments.gpus.count
    if gpus is None and arguments.gpu_profile:
        gpus = 1
    if arguments.name is not None:
        check_name(arguments.name)  # in words; the contract has a pattern
    limits = sizes(arguments)
    uuids = []
    if names := named(arguments):
        snapshot = await services.inventory.snapshot()
        uuids = [gpu.uuid for gpu in gpus_named(snapshot, names)]
    wanted = {
        "name": arguments.name,
        "display_name": arguments.display_name,
        "kernel": arguments.kernel,
        "gpus": gpus,
        "gpu_profile": arguments.gpu_profile,
        "gpu_uuids": uuids or None,
        "memory": limits.memory,
        "network": arguments.network,
        "idle_timeout": parse_duration(arguments.idle_timeout) if arguments.idle_timeout else None,
        "shm_size": limits.shm_size,
        "mounts": arguments.mount,
    }
    wanted = {key: value for key, value in wanted.items() if value is not None}
    validate("NewEnvironment", {"image": arguments.image, **wanted})
    image = await services.images.get(arguments.image)
    added = services.environments.add(image, reference=arguments.image, **wanted)

    def text(style: Style) -> str:
        elsewhere = f"jupyter console --kernel {added.name}"
        return f"{added.display_name}\nIn JupyterLab it is among the kernels; or: {elsewhere}"

    return Outcome(environment_model(added, None), text)


async def environments_remove(services: Services, arguments: Any) -> Outcome:
    """``environments remove``: kernels that run in it go on."""
    services.environments.remove(arguments.name)
    return Outcome({"removed": arguments.name}, lambda style: f"Removed {arguments.name}.")
