"""Starts the kernel that was carried into an image. Runs inside, by any Python since 3.6.

The runtime's packages come last on ``sys.path``: whatever the image has itself, NumPy as well as
its own traitlets, wins. The one exception are packages of the image that are too old (or too new)
for a part of the kernel that the image lacks: those names, and no others, are taken from the
runtime, and the container's log says so. Otherwise the kernel could not run at all.

``sys.path`` is what ``python -m ipykernel_launcher`` would have, plus the runtime's folder.
"""

import functools
import importlib.util
import json
import os
import re
import sys
import traceback
import types
from importlib.machinery import PathFinder

TABLE = "distributions.json"  # name -> {"modules": [...], "requires": {name: specifiers}}
PACKAGES = "lib"
_METADATA = re.compile(r"(.+?)-(\d[^-]*)(?:-.*)?\.(?:dist|egg)-info")
_LIBRARY = re.compile(
    r"([\w+.-]+\.so[.\d]*): cannot open shared|Error loading shared library ([\w+.-]+\.so[.\d]*)"
)  # glibc's words and musl's
_CLAUSE = re.compile(r"\s*(===|==|~=|!=|<=|>=|<|>)\s*([^\s,]+)\s*")


def release(version: str) -> "tuple[int, ...]":
    """Return the numbers of a version; what follows them (rc1, .dev0, +local) does not count."""
    match = re.match(r"v?(?:\d+!)?(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in match.group(1).split(".")) if match else ()


def fits(version: str, specifiers: str) -> bool:
    """Tell whether a version satisfies specifiers such as ``>=5.4,!=6.0.0`` (PEP 440)."""
    have = release(version)
    for operator, text in _CLAUSE.findall(specifiers):
        prefix = text.endswith(".*")
        want = release(text)
        size = max(len(have), len(want))
        left = have + (0,) * (size - len(have))
        right = want + (0,) * (size - len(want))
        same = left[: len(want)] == want if prefix else left == right
        good = {
            "==": same,
            "===": same,
            "!=": not same,
            "<": left < right,
            ">": left > right,
            "<=": left <= right,
            ">=": left >= right,
            "~=": left >= right and left[: len(want) - 1] == want[:-1],
        }[operator]
        if not good:
            return False
    return True


def installed(folders: "list[str]") -> "dict[str, str]":
    """Return names and versions of what is installed in folders, the first one found of each."""
    found = {}  # type: dict[str, str]
    for folder in folders:
        try:
            entries = os.listdir(folder or ".")
        except OSError:  # a zip file, or nothing at all
            continue
        for entry in entries:
            match = _METADATA.fullmatch(entry)
            if match:
                name = re.sub(r"[-_.]+", "-", match.group(1)).lower()
                found.setdefault(name, match.group(2))
    return found


def conflicts(table: "dict[str, dict[str, object]]", image: "dict[str, str]") -> "dict[str, str]":
    """Return those of the image's packages that the kernel cannot use, with their versions.

    Parameters
    ----------
    table : dict
        The runtime's distributions; the name "" stands for the runtime as a whole.
    image : dict
        What the image has, by name.
    """
    ours = {name for name in table if name not in image}
    while True:
        wrong = {
            name
            for user in ours
            for name, specifiers in table[user]["requires"].items()  # type: ignore[attr-defined]
            if name in table and name not in ours and not fits(image[name], specifiers)
        }
        if not wrong:
            return {name: image[name] for name in sorted(ours) if name in image}
        ours |= wrong


class Finder:
    """Finds some top-level modules in one folder alone, before anybody else is asked."""

    def __init__(self, modules: "set[str]", folder: str) -> None:
        self.modules = modules
        self.folder = folder

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """See `importlib.abc.MetaPathFinder.find_spec`."""
        return PathFinder.find_spec(name, [self.folder]) if name in self.modules else None


def prepare(here: str) -> None:
    """Make the runtime's packages importable, behind the image's own."""
    packages = os.path.join(here, PACKAGES)
    # The script's folder comes first, unless Python was told to be safe (-P, PYTHONSAFEPATH).
    if sys.path and os.path.realpath(sys.path[0]) == here:
        del sys.path[0]
    with open(os.path.join(here, TABLE), encoding="utf-8") as file:
        table = json.load(file)
    wrong = conflicts(table, installed(sys.path))
    if wrong:
        modules = {module for name in wrong for module in table[name]["modules"]}
        sys.meta_path.insert(0, Finder(modules, packages))  # type: ignore[arg-type]
        for name, version in wrong.items():
            text = f"{name} {version} of this image does not fit the kernel, which uses its own"
            print(f"kernel runtime: {text}", file=sys.stderr)
    sys.path.append(packages)
    # Libraries look here for the word "ipykernel".
    sys.argv[0] = os.path.join(packages, "ipykernel_launcher.py")


def load(here: str, name: str) -> "types.ModuleType":
    """Import a file that lies beside this one."""
    spec = importlib.util.spec_from_file_location(
        "jupyter_gpu_containers_" + name, os.path.join(here, name + ".py")
    )
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


def lacking(problem: str) -> str:
    """Return what an image lacks, from the words of an ImportError.

    The runtime brings every package of Python's, but neither Python's own modules nor C++'s
    library, which nearly every image has.
    """
    match = _LIBRARY.search(problem)
    if match:
        package = ": its package is libstdc++6 (Debian, Ubuntu) or libstdc++ (others)"
        library = match.group(1) or match.group(2)
        about = package if library.startswith("libstdc++") else ""
        return f"this image has no {library}, which the kernel needs{about}"
    match = re.match(r"No module named '(_\w+)'", problem)
    if match:
        return f"the Python of this image lacks {match.group(1)}, which the kernel needs"
    return f"the kernel cannot be imported: {problem}"


def main() -> None:
    """Start the kernel."""
    here = os.path.dirname(os.path.realpath(__file__))
    keeper = load(here, "keeper")

    @functools.lru_cache(maxsize=None)  # noqa: UP033  Python 3.8
    def quick_start() -> types.ModuleType:
        prepare(here)
        return load(here, "quick_start")

    descriptor = keeper.keep(sys.argv[1:], quick_start)
    try:
        quick = quick_start()
        kernelapp = quick.import_kernel()
    except ImportError as exc:
        traceback.print_exc()
        print(f"kernel runtime: {lacking(str(exc))}.", file=sys.stderr)  # the log's last line
        sys.exit(1)
    keeper.wait(descriptor)
    quick.wait_to_be_taken(sys.argv[1:])
    kernelapp.launch_new_instance()


if __name__ == "__main__":
    main()
