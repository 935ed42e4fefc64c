"""Images that ./run needs: the starter image of a new machine, and the images of the tests.

    images.py starter           print the reference of a starter image that is there, or can be
                                pulled; exit status 3: neither
    images.py build-starter     build one from this machine's own distribution; print its reference
    images.py test              make the images of tests/images

Three kinds of recipe, all built without any image registry and only when missing or changed
(the recipe's fingerprint is a label of the image):

- `NAME.ini`: a root file system made of a distribution's own packages by mmdebstrap;
- `NAME.Dockerfile`: something derived from another of the images, without a network;
- `NAME.json`: an image's configuration alone, e.g. of another CPU architecture.
"""

from __future__ import annotations

import configparser
import hashlib
import io
import json
import os
import re
import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

import engine as engines
from roots import FINGERPRINT, Failed, Root, fingerprint, host_suite, say

RECIPES = Path(__file__).resolve().parent.parent / "tests" / "images"
STARTER = "jupyter-gpu-containers/starter"
STARTER_PACKAGES = ("python3-ipykernel", "python3-numpy", "python3-matplotlib")
PULLED_STARTER = "quay.io/jupyter/base-notebook:latest"
NOT_THERE = 3  # exit status
OF_A_TEST = re.compile(r"127\.0\.0\.1:\d+/|localhost:\d+/|jgc-")  # names that tests give
PATIENCE = 15.0  # seconds a registry may stay silent before we build instead


# --- the other kinds ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Derived:
    """A Dockerfile on top of another of our images."""

    reference: str
    dockerfile: str
    base: Root

    @property
    def fingerprint(self) -> str:
        """Changes with the Dockerfile and with what it stands on."""
        return fingerprint(self.dockerfile, self.base.fingerprint)

    def make(self, engine: engines.Engine) -> None:
        """Build it, without a network."""
        say(f"Building {self.reference} on {self.base.reference}")
        engine.build(
            _tar({"Dockerfile": self.dockerfile.encode()}),
            self.reference,
            {FINGERPRINT: self.fingerprint},
        )


@dataclass(frozen=True)
class Hollow:
    """An image with a configuration and one small file: looked at, never run."""

    reference: str
    config: str

    @property
    def fingerprint(self) -> str:
        """Changes with the configuration."""
        return fingerprint(self.config)

    def make(self, engine: engines.Engine) -> None:
        """Load it as a `docker save` archive: an import could not choose the architecture."""
        say(f"Loading {self.reference}")
        layer = _tar({"etc/hollow": b"this image is looked at, never run\n"})
        config = json.loads(self.config)
        config.setdefault("config", {}).setdefault("Labels", {})[FINGERPRINT] = self.fingerprint
        config["rootfs"] = {
            "type": "layers",
            "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()],
        }
        manifest = [
            {"Config": "config.json", "RepoTags": [self.reference], "Layers": ["layer.tar"]}
        ]
        files = {
            "layer.tar": layer,
            "config.json": json.dumps(config).encode(),
            "manifest.json": json.dumps(manifest).encode(),
        }
        engine.load(_tar(files))


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


# --- commands -------------------------------------------------------------------------------------

Recipe = Root | Derived | Hollow


def recipes() -> dict[str, Recipe]:
    """The recipes of tests/images by name, each after what it stands on."""
    found: dict[str, Recipe] = {}
    for path in sorted(RECIPES.glob("*.ini")):
        parser = configparser.ConfigParser()
        parser.read(path, encoding="utf-8")
        image = parser["image"]
        packages = tuple(image["packages"].split())
        found[path.stem] = Root(image["reference"], image["suite"], packages)
    roots = {recipe.reference: recipe for recipe in found.values() if isinstance(recipe, Root)}
    for path in sorted(RECIPES.glob("*.Dockerfile")):
        text = path.read_text(encoding="utf-8")
        base = re.search(r"^FROM (\S+)$", text, re.M)
        if not base or base[1] not in roots:
            raise Failed(f"{path}: FROM must name one of {', '.join(sorted(roots))}")
        found[path.stem] = Derived(f"jgc-test/{path.stem}:latest", text, roots[base[1]])
    for path in sorted(RECIPES.glob("*.json")):
        text = path.read_text(encoding="utf-8")
        found[path.stem] = Hollow(f"jgc-test/{path.stem}:latest", text)
    return found


def is_there(engine: engines.Engine, recipe: Recipe) -> bool:
    """Whether the engine has the image, made by this very recipe."""
    image = engine.image(recipe.reference)
    labels = ((image or {}).get("Config") or {}).get("Labels") or {}
    return bool(labels.get(FINGERPRINT) == recipe.fingerprint)


def ensure(engine: engines.Engine, recipe: Recipe) -> None:
    """Make the image unless it is there."""
    if is_there(engine, recipe):
        return
    if same := engine.image_labelled(f"{FINGERPRINT}={recipe.fingerprint}"):
        say(f"Naming {recipe.reference}: the same image is there under another name")
        engine.tag(same, recipe.reference)
        return
    started = time.monotonic()
    recipe.make(engine)
    say(f"{recipe.reference} is ready after {time.monotonic() - started:.0f} s")


def keep_one_name(engine: engines.Engine, recipe: Recipe) -> None:
    """Take the other names that tests gave the image and, killed, left: it shows by its own."""
    ours = {each.reference for each in recipes().values()} | {built_starter().reference}
    for name in (engine.image(recipe.reference) or {}).get("RepoTags") or ():
        if name not in ours and OF_A_TEST.match(name):
            say(f"Removing the name {name}, which a test that was killed has left")
            engine.untag(name)


def pull(engine: engines.Engine, reference: str) -> bool:
    """Try to pull; False where no registry answers in time or it refuses."""
    say(f"Asking the registry for {reference} (at most {PATIENCE:.0f} s until it answers)")
    layers: dict[str, tuple[int, int]] = {}
    shown = time.monotonic()
    try:
        for step in engine.pull(reference, PATIENCE):
            detail = step.get("progressDetail") or {}
            if "total" in detail and step.get("status") == "Downloading":
                layers[step["id"]] = (detail["current"], detail["total"])
            if layers and time.monotonic() - shown > 5:
                shown = time.monotonic()
                say(f"  {sum(done for done, _ in layers.values()) / 1e6:.0f} MB received")
    except (engines.EngineError, OSError) as error:
        say(f"No image from there: {str(error) or type(error).__name__}")
        return False
    return True


def starter(engine: engines.Engine) -> str | None:
    """The reference of a starter image that is there or was pulled now; None without either."""
    asked = os.environ.get("JGC_STARTER_IMAGE", "")
    reference = asked or PULLED_STARTER
    if ":" not in reference.rsplit("/", 1)[-1]:
        reference += ":latest"
    if engine.image(reference):
        return reference
    if not asked and is_there(engine, built_starter()):
        return built_starter().reference
    if pull(engine, reference):
        return reference
    if asked:
        raise Failed(f"JGC_STARTER_IMAGE={asked} is not on this machine and cannot be pulled.")
    return None


def built_starter() -> Root:
    """The recipe of a starter image from this machine's own distribution."""
    suite = host_suite()
    return Root(f"{STARTER}:{suite}", suite, STARTER_PACKAGES)


def main(arguments: list[str]) -> int:
    """Run one of the commands described at the top."""
    try:
        engine = engines.find()
        match arguments:
            case ["starter"]:
                reference = starter(engine)
                if reference is None:
                    return NOT_THERE
                print(reference)
            case ["build-starter"]:
                ensure(engine, built_starter())
                print(built_starter().reference)
            case ["test"]:
                for recipe in recipes().values():
                    ensure(engine, recipe)
                    keep_one_name(engine, recipe)
            case _:
                sys.stderr.write(__doc__ or "")
                return 2
    except (Failed, OSError, engines.EngineError) as error:
        print(f"==> {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
