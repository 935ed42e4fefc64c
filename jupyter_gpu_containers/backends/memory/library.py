"""What the memory backend does with images: finds, fetches, sends, names and removes them."""

from __future__ import annotations

import threading
from dataclasses import replace

from jupyter_gpu_containers.errors import (
    ForbiddenError,
    ImageInUseError,
    ImageNotFoundError,
    InvalidImageReferenceError,
)
from jupyter_gpu_containers.model.change import EngineChange
from jupyter_gpu_containers.model.image.image import Image, ImageReference, is_image_id
from jupyter_gpu_containers.model.job import Step
from jupyter_gpu_containers.model.kernel.container import ContainerStatus
from jupyter_gpu_containers.ports import Progress

from . import registry
from .store import MemoryStore

LINES = 10  # parts in which a layer comes


def find(store: MemoryStore, reference: str) -> Image:
    """Look one image up by id or reference. Raises `ImageNotFoundError`."""
    with store.lock:
        if image := store.images.get(reference):
            return image
        wanted = familiar(reference)
        for image in store.images.values():
            if wanted in (*image.references, *image.repo_digests):
                return image
    raise ImageNotFoundError(
        f"The image {reference} is not among the images of this demonstration.",
        "Choose one from the list, or fetch it first.",
    )


def pull(
    store: MemoryStore,
    reference: str,
    progress: Progress | None,
    *,
    logged_in: bool,
    seconds: float,
    stop: threading.Event,
) -> None:
    """Fetch an image, in this thread, in about so many seconds; end early when told to stop.

    An image that is here already is not fetched again.
    """
    name = ImageReference.parse(reference).familiar
    with store.lock:
        image = store.pushed.get(name)
        present = frozenset(layer for other in store.images.values() for layer in other.layers)
        here = any(name in other.references for other in store.images.values())
    if image is None:
        image = find(store, reference) if here else registry.find(reference, logged_in=logged_in)
    layers = registry.layers_of(image)
    steps = registry.pull_steps(layers, present, LINES)
    if not _play(steps, registry.ending(name), progress, seconds, stop):
        return
    with store.lock:
        known = store.images.get(image.id, replace(image, references=()))
        give_name(store, known, name)


def push(
    store: MemoryStore,
    reference: str,
    progress: Progress | None,
    *,
    logged_in: bool,
    seconds: float,
    stop: threading.Event,
) -> None:
    """Send an image, in this thread, as `pull` fetches one."""
    name = ImageReference.parse(reference).familiar
    image = find(store, reference)
    if registry.REPOSITORIES.match(str(ImageReference.parse(reference))) and not logged_in:
        raise ForbiddenError(
            f"The image {name} could not be sent: denied: requested access is denied",
            "Give it a name in a repository of your own first.",
        )
    with store.lock:
        present = frozenset(layer for other in store.pushed.values() for layer in other.layers)
    layers = registry.layers_of(image)
    if _play(registry.push_steps(layers, present, LINES), None, progress, seconds, stop):
        with store.lock:
            store.pushed[name] = image


def _play(
    steps: list[Step],
    ending: registry.Ending | None,
    progress: Progress | None,
    seconds: float,
    stop: threading.Event,
) -> bool:
    """Tell the steps at an even pace; return whether the transfer came to its end."""
    if ending is not None:
        steps = steps[: len(steps) // 2]
    for step in steps:
        if stop.is_set() or (seconds and stop.wait(seconds / len(steps))):
            return False
        if progress is not None:
            progress(step)
    if ending is None:
        return True
    if ending.error is not None:
        raise ending.error
    stop.wait()
    return False


def tag(store: MemoryStore, image: str, reference: str) -> None:
    """Give an image another name; who had it loses it."""
    name = ImageReference.parse_name(reference).familiar
    with store.lock:
        give_name(store, find(store, image), name)


def give_name(store: MemoryStore, image: Image, name: str) -> None:
    """Give an image a name, under the store's lock; who had it loses it."""
    for other in list(store.images.values()):
        if name in other.references and other.id != image.id:
            names = tuple(n for n in other.references if n != name)
            store.images[other.id] = replace(other, references=names)
    references = tuple(sorted({*image.references, name}))
    store.images[image.id] = replace(image, references=references)
    store.tell(EngineChange.IMAGES)


def remove(store: MemoryStore, reference: str, force: bool) -> list[str]:
    """Take a name away, and with the last one the image, as Docker does."""
    removed = _remove(store, reference, force)
    store.tell(EngineChange.IMAGES)
    return removed


def _remove(store: MemoryStore, reference: str, force: bool) -> list[str]:
    with store.lock:
        image = find(store, reference)
        users = [record for record in store.records.values() if record.spec.image == image.id]
        running = [record for record in users if record.status is ContainerStatus.RUNNING]
        if is_image_id(reference):
            if len(image.references) > 1 and not force:
                raise ImageInUseError(
                    f"The image {reference} is not removed: it has several names.",
                    "Remove it by each of them, or force the removal.",
                )
            if users if not force else running:
                raise _in_use(reference, (running or users)[0].id, bool(running))
            del store.images[image.id]
            return [*image.references, image.id]
        name = familiar(reference)
        names = tuple(n for n in image.references if n != name)
        if not names and users and not force:
            raise _in_use(reference, (running or users)[0].id, bool(running))
        if names or users:
            store.images[image.id] = replace(image, references=names)
            return [name]
        del store.images[image.id]
        return [name, image.id]


def _in_use(reference: str, container_id: str, running: bool) -> ImageInUseError:
    state = "running " if running else ""
    return ImageInUseError(
        f"The image {reference} is not removed: the {state}container {container_id[:12]} uses it.",
        "Remove the container first, or force the removal.",
    )


def familiar(reference: str) -> str:
    """Return a reference in the form Docker prints, and anything else as it is."""
    try:
        return ImageReference.parse(reference).familiar
    except InvalidImageReferenceError:
        return reference
