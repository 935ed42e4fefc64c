"""Starts a kernel of the image's own. Runs inside, by any Python since 3.6.

Python compiles a script each time anew, and modules once: so this one is short.
"""

import os
import types
from importlib.machinery import SourceFileLoader


def main() -> None:
    """Run `keeper.py`, which lies beside this file."""
    here = os.path.dirname(os.path.realpath(__file__))
    loader = SourceFileLoader("jupyter_gpu_containers_keeper", os.path.join(here, "keeper.py"))
    keeper = types.ModuleType(loader.name)
    keeper.__file__ = loader.path
    loader.exec_module(keeper)
    keeper.main()


if __name__ == "__main__":
    main()
