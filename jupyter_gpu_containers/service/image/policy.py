"""Which images may be used: every name that something is fetched, built, kept or called by."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jupyter_gpu_containers.errors import InvalidImageReferenceError, PolicyError
from jupyter_gpu_containers.model import policy as model
from jupyter_gpu_containers.model.image.build_bases import bases_of
from jupyter_gpu_containers.model.image.image import Image, ImageReference
from jupyter_gpu_containers.model.image.pattern import names_of
from jupyter_gpu_containers.model.policy import Rules
from jupyter_gpu_containers.ports import ContainerBackend


class ImageGate:
    """What rules say of images.

    Parameters
    ----------
    rules : iterable of Rules
        All of them hold. Without any, everything is allowed and nobody is asked anything.
    backend : ContainerBackend, optional
        Tells what an image is; must be there where rules are.
    known : callable, optional
        Returns the references of the catalogue.
    """

    def __init__(
        self,
        rules: Iterable[Rules] = (),
        backend: ContainerBackend | None = None,
        *,
        known: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self.rules = tuple(rules)
        self._backend = backend
        self._known = known

    @property
    def limits_images(self) -> bool:
        """Whether it matters which image it is."""
        return any(rules.limits_images for rules in self.rules)

    def image_refusal(self, image: Image) -> PolicyError | None:
        """Return why an image of the engine, or of a registry, may not be used."""
        return model.image_refusal(names_of(image), f"“{image.name}”", self.rules)

    def check_image(self, image: Image) -> None:
        """Raise `PolicyError` where an image may not be used."""
        raise_refusal(self.image_refusal(image))

    def check_reference(self, reference: str | ImageReference) -> None:
        """Check a name before something is fetched, sent, built or kept by it.

        Raises
        ------
        PolicyError
        InvalidImageReferenceError
        """
        if isinstance(reference, str):
            reference = ImageReference.parse(reference)
        raise_refusal(model.image_refusal([reference], f"“{reference.familiar}”", self.rules))

    def check_bases(self, dockerfile: str) -> None:
        """Check the images that a Dockerfile begins with or copies from.

        Raises
        ------
        PolicyError
            One is not allowed, or nobody can say before the build which it is.
        """
        if not self.limits_images:
            return
        for base in bases_of(dockerfile):
            try:
                self.check_reference(base)
            except InvalidImageReferenceError:
                rules = next(rules for rules in self.rules if rules.limits_images)
                source = rules.source
                raise PolicyError(
                    f"The Dockerfile takes an image that cannot be told beforehand, “{base[:100]}”;"
                    f" {source} allows only certain images (c.GpuContainers.allowed_images, "
                    "denied_images and allowed_registries).",
                    "Write the image's name in place of the variable.",
                    code="policy_image",
                ) from None

    async def check_tag(self, source: str, name: str) -> None:
        """Check that an image may get one more name: by it, it must not become an allowed one.

        Raises
        ------
        PolicyError, ImageNotFoundError, InvalidImageReferenceError, UnavailableError
        """
        if not self.rules:
            return
        self.check_reference(name)
        assert self._backend is not None
        self.check_image(await self._backend.image(source))

    def carry_refusal(self, image: Image) -> PolicyError | None:
        """Return why no kernel may be carried into an image."""
        if all(rules.carry_into_unknown_images for rules in self.rules):
            return None
        known = {ImageReference.parse(text) for text in self._known()}
        return model.carry_refusal(names_of(image), f"“{image.name}”", known, self.rules)


def raise_refusal(refusal: PolicyError | None) -> None:
    """Raise a refusal where there is one."""
    if refusal is not None:
        raise refusal
