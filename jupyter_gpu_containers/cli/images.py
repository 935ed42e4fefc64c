"""``images``, ``search``, ``tags``, ``inspect``, ``catalogue``, ``tag``, ``rmi``."""

from __future__ import annotations

from typing import Any

from jupyter_gpu_containers.model.size import format_bytes
from jupyter_gpu_containers.service.services import Services
from jupyter_gpu_containers.web.image_serializers import (
    catalogue_model,
    details_model,
    result_model,
)
from jupyter_gpu_containers.web.serializers import image_model, verdict_model

from .outcome import Outcome
from .tables import Style, table
from .verdict import verdict_text

Json = dict[str, Any]


async def images(services: Services, arguments: Any) -> Outcome:
    """``images``: schema ``Image`` of the contract."""
    found = await services.images.list()
    verdicts = await services.inspection.rate(found)
    models = [
        image_model(one, services.images.problem(one), verdict_model(verdicts.get(one.id)))
        for one in found
    ]

    def text(style: Style) -> str:
        if not models:
            return (
                "There is no image on this machine. "
                "Fetch one: jupyter gpu-containers catalogue, then pull."
            )
        titles = ("IMAGE", "SIZE", "FRAMEWORK", "CUDA", "PYTHON", "KERNELS", "VERDICT")
        return table(titles, [_image_row(model) for model in models], style)

    return Outcome({"images": models}, text)


def _image_row(model: Json) -> tuple[str, ...]:
    return (
        model["references"][0] if model["references"] else model["id"][7:19],
        format_bytes(model["size"]),
        _framework(model),
        model["cuda"] or "",
        model["python"] or "",
        _kernels(model),
        _rating(model["verdict"]),
    )


def _framework(model: Json) -> str:
    framework = model["framework"] or {"name": "", "version": None}
    return f"{framework['name']} {framework['version'] or ''}".strip()


def _kernels(model: Json) -> str:
    if model["problem"]:
        wrong = {"wrong_architecture": f"for {model['architecture']}"}
        return wrong.get(model["problem"]["code"], "none")
    if model["kernels"] is None:  # not looked into yet
        return "unknown"
    return ", ".join(map(_kernel, model["kernels"]))


def _kernel(kernel: Json) -> str:
    """Return its name; what people would not expect stands behind it."""
    other = kernel["language"] not in ("python", "")
    about = kernel["language"] if other else "carried in" * kernel["carried"]
    return f"{kernel['name']} ({about})" if about else str(kernel["name"])


def _rating(verdict: Json | None) -> str:
    return verdict["verdict"] if verdict else ""


async def search(services: Services, arguments: Any) -> Outcome:
    """``search``: schema ``SearchResult`` of the contract."""
    results = await services.registry.search(arguments.query, limit=arguments.limit)
    models = [result_model(result) for result in results]

    def text(style: Style) -> str:
        if not models:
            return f"Docker Hub has nothing for “{arguments.query}”."
        titles = ("NAME", "STARS", "OFFICIAL", "DESCRIPTION")
        rows = [
            (m["name"], str(m["stars"]), "yes" * m["official"], m["description"]) for m in models
        ]
        return table(titles, rows, style)

    return Outcome({"results": models}, text)


async def tags(services: Services, arguments: Any) -> Outcome:
    """``tags``: schema ``Tags`` of the contract; for people one a line, newest first."""
    page = await services.registry.tags(
        arguments.repository, contains=arguments.contains, limit=arguments.limit
    )

    def text(style: Style) -> str:
        if not page.tags:
            return f"No tag of {page.repository} matches."
        more = page.total - len(page.tags)
        return "\n".join(
            [*page.tags, *([style.paint(f"… and {more} more", "dim")] if more else [])]
        )

    model = {"repository": page.repository, "tags": list(page.tags), "total": page.total}
    return Outcome(model, text)


async def inspect(services: Services, arguments: Any) -> Outcome:
    """``inspect``: schema ``ImageDetails`` of the contract."""
    details = await services.inspection.details(arguments.reference)
    model = details_model(details, services.images.problem)
    return Outcome(model, lambda style: _details_text(model, style))


def _details_text(model: Json, style: Style) -> str:
    here = "on this machine"
    if not model["on_engine"]:
        fetch = model["download"]
        here = "in its registry" + (f", {format_bytes(fetch)} to fetch" if fetch else "")
    facts = {
        "where": here,
        "id": model["id"].removeprefix("sha256:")[:12],
        "size": format_bytes(model["size"]) if model["size"] else "",
        "created": model["created"][:10],
        "platform": ", ".join(model["platforms"]) or model["architecture"],
        "framework": _framework(model),
        "CUDA": model["cuda"],
        "Python": model["python"],
        "kernels": _kernels(model) if model["on_engine"] else "",
        "problem": model["problem"]["message"] if model["problem"] else "",
    }
    width = max(map(len, facts)) + 2
    lines = [style.paint(model["reference"], "bold")]
    lines += [f"{name:<{width}}{value}" for name, value in facts.items() if value]
    return "\n".join([*lines, verdict_text(model["verdict"], "verdict", style)])


async def catalogue(services: Services, arguments: Any) -> Outcome:
    """``catalogue``: schema ``CatalogueEntry`` of the contract; no registry is asked."""
    models = [catalogue_model(row) for row in await services.inspection.catalogue()]

    def text(style: Style) -> str:
        titles = ("TITLE", "IMAGE", "VERDICT", "DOWNLOAD", "HERE", "LICENCE")
        return table(titles, [_catalogue_row(model) for model in models], style)

    return Outcome({"entries": models}, text)


def _catalogue_row(model: Json) -> tuple[str, ...]:
    return (
        model["title"],
        model["reference"],
        _rating(model["verdict"]),
        format_bytes(model["download"]) if model["download"] else "",
        "yes" if model["on_engine"] else "",
        model["licence"],
    )


async def tag(services: Services, arguments: Any) -> Outcome:
    """``tag``: schema ``Tag`` of the contract."""
    source, reference = arguments.source, arguments.reference
    await services.images.tag(source, reference)
    model = {"source": source, "reference": reference}
    return Outcome(model, lambda style: f"{source} is now {reference}, too.")


async def rmi(services: Services, arguments: Any) -> Outcome:
    """``rmi``: refused while something uses the image, unless forced."""
    removed = await services.inspection.remove(arguments.reference, force=arguments.force)
    return Outcome({"removed": removed}, lambda style: "\n".join(f"Removed {r}." for r in removed))
