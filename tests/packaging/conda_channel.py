"""Makes a conda channel of the Python environment that runs this, or builds our recipe against it.

A package for Python itself, one for each distribution in the environment: conda's names and the
real versions, what they need by what their metadata says. conda-forge's own are put together in
other ways; what a recipe's script and its tests do with them is the same. A program: nothing of
this project can be imported where it runs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from rattler_build import FileEntry, Package, assemble_package, build_recipes

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
VERSION = f"{MINOR}.{sys.version_info[2]}"
SUBDIR = "linux-64"
NAMES = {"docker": "docker-py"}  # what conda-forge calls differently
# no part of what a kernel or a server needs, and large
LEFT_OUT = {"site-packages", "test", "idlelib", "tkinter", "turtledemo", "__pycache__"}


def plain(name: str) -> str:
    """Return a name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needs(distribution: Distribution, extra: str = "") -> Iterator[Requirement]:
    """Yield what a distribution needs here, and its needs' extras."""
    for line in distribution.requires or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": extra}):
            yield requirement
            for more in requirement.extras:
                yield from needs(next(distributions(name=requirement.name)), more)


class Channel:
    """A folder with packages and their index."""

    def __init__(self, folder: Path, wanted: dict[str, str]) -> None:
        self.folder = folder / SUBDIR
        self.folder.mkdir(parents=True)
        self._drafts = Path(tempfile.mkdtemp(dir=folder))
        self._wanted = wanted
        self._index: dict[str, dict[str, object]] = {}

    def add(
        self, name: str, version: str, files: dict[str, Path], depends: list[str], build: str
    ) -> None:
        """Make a package of files, by where they go."""
        made = assemble_package(
            name,
            version,
            SUBDIR,
            build,
            self.folder,
            files=[FileEntry.from_paths(path, to) for to, path in files.items()],
            depends=depends,
            compression_level=0,
            detect_prefix=False,
        )
        packed = made.path.read_bytes()
        self._index[made.path.name] = {
            "name": name,
            "version": version,
            "build": build,
            "build_number": 0,
            "depends": depends,
            "subdir": SUBDIR,
            "sha256": hashlib.sha256(packed).hexdigest(),
            "size": len(packed),
        }

    def add_python(self) -> None:
        """Make the package of the interpreter that the environment is made of."""
        prefix = Path(sys.base_prefix)
        library = prefix / "lib" / f"python{MINOR}"
        files = {f"bin/{name}": prefix / "bin" / f"python{MINOR}" for name in ("python", "python3")}
        files[f"bin/python{MINOR}"] = files["bin/python"]
        for path in library.rglob("*"):
            inside = path.relative_to(library)
            to_build_with = inside.parts[0].startswith("config-") and path.suffix == ".a"
            if path.is_file() and not to_build_with and not LEFT_OUT & set(inside.parts):
                files[f"lib/python{MINOR}/{inside}"] = path
        self.add("python", VERSION, files, [], "0_cpython")

    def add_distribution(self, found: Distribution) -> None:
        """Make the package of a distribution."""
        depends = [f"python {MINOR}.*"]
        files: dict[str, Path] = {}
        for each in found.files or []:
            path = Path(found.locate_file(each)).resolve()
            if "__pycache__" in path.parts or not path.is_file():
                continue
            to = str(path.relative_to(Path(sys.prefix).resolve()))
            files[to] = self._portable(path) if to.startswith("bin/") else path
        for requirement in needs(found):
            depends.append(f"{self._called(requirement.name)} {requirement.specifier}".strip())
        self.add(self._called(found.metadata["Name"]), found.version, files, depends, "0")

    def _called(self, name: str) -> str:
        return self._wanted.get(plain(name), plain(name))

    def _portable(self, program: Path) -> Path:
        """Return a copy of a script that is run by the Python on the PATH."""
        content = program.read_bytes()
        if not content.startswith(b"#!"):
            return program
        draft = self._drafts / program.name
        draft.write_bytes(b"#!/usr/bin/env python\n" + content.partition(b"\n")[2])
        shutil.copymode(program, draft)
        return draft

    def write_index(self) -> None:
        """Tell what is in it."""
        for subdir, packages in ((SUBDIR, self._index), ("noarch", {})):
            folder = self.folder.parent / subdir
            folder.mkdir(exist_ok=True)
            index = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": packages}
            (folder / "repodata.json").write_text(json.dumps(index))


def make_channel(folder: Path, requirements: dict[str, list[str]]) -> None:
    """Make packages of all that is here, with those names that the recipe asks for."""
    asked = (line.split()[0] for lines in requirements.values() for line in lines)
    channel = Channel(folder, {plain(name): name for name in asked} | NAMES)
    channel.add_python()
    for found in distributions():
        if plain(found.metadata["Name"]) != "py-rattler-build":
            channel.add_distribution(found)
    channel.write_index()


def main() -> None:
    """Make the channel; or build the recipe, run its tests, and tell as JSON what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("recipe", type=Path)
    parser.add_argument("channel", type=Path)
    parser.add_argument("output", type=Path, nargs="?", help="without it only the channel is made")
    asked = parser.parse_args()
    channel, output = asked.channel, asked.output
    if output is None:
        make_channel(channel, yaml.safe_load(asked.recipe.read_text("utf-8"))["requirements"])
        return
    warnings.simplefilter("ignore", DeprecationWarning)  # the whole of what the program does
    build_recipes([asked.recipe], channel=[channel.as_uri()], output_dir=output, test="skip")
    (made,) = output.glob("noarch/*.conda")
    package = Package.from_file(made)
    tests = [
        {"success": result.success, "said": "\n".join(result.output)}
        for result in package.run_tests(channel=[channel.as_uri()])
    ]
    told = {"depends": package.depends, "license": package.license, "files": package.files}
    print(json.dumps(told | {"subdir": package.subdir, "tests": tests}))


if __name__ == "__main__":
    main()
