"""`python -m rigs.reliability [NAME ...] [--long]`: prints a line `name | measured | goal` each.

A module of this package that has a function `measure(long: bool) -> list[Figure]` is a sub-command.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from types import ModuleType

import rigs.reliability


def sections() -> dict[str, ModuleType]:
    """Return the modules that measure something, by name."""
    names = [module.name for module in pkgutil.iter_modules(rigs.reliability.__path__)]
    modules = {
        name: importlib.import_module(f"rigs.reliability.{name}")
        for name in names
        if name != "__main__"
    }
    return {name: module for name, module in modules.items() if hasattr(module, "measure")}


def main() -> int:
    """Measure what was asked for; 1 where a figure is not what it has to be."""
    found = sections()
    parser = argparse.ArgumentParser(prog="python -m rigs.reliability", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(found)}")
    parser.add_argument("--long", action="store_true", help="as many rounds as are published")
    options = parser.parse_args()
    unknown = set(options.names) - set(found)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    missed = False
    print("name | measured | goal")
    print("--- | --- | ---")
    for name in options.names or found:
        print(f"==> {name}: {(found[name].__doc__ or '').splitlines()[0]}", file=sys.stderr)
        for figure in found[name].measure(options.long):
            print(figure, flush=True)
            missed = missed or not figure.met
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
