"""A spare: a container started ahead, whose interpreter waits for a kernel that fits exactly.

What cannot be changed once a container runs must be right beforehand. It is not listed anywhere:
the whole `ContainerSpec` is compared, but for what is named here.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from . import labels
from .container import ContainerSpec

SPARE = "spare"  # the purpose, in the labels, of one that waits, and of the kernel it becomes
# In the run directory, all known to runtime/quick_start.py: a named pipe at which the interpreter
# waits for a byte, and what it is told by then. The third names the modules that it imports before.
PIPE_FILE = "wait"
HANDOVER_FILE = "handover.json"
MODULES_FILE = "modules.json"

# Fields of `ContainerSpec` that differ between the spare and the kernel that takes it. The name is
# the engine's affair, the folder is changed into.
HANDED_OVER = frozenset({"name", "working_dir"})
# Of the labels, those that are not of the spare's own making; the kernel's id is: a kernel that
# takes a spare has the id with which it was created.
KERNELS_LABELS = frozenset({labels.NOTEBOOK, labels.PURPOSE, labels.SIGNATURE})
# What the loader, an interpreter or a kernel's shell reads when it starts cannot be given to it
# later; the time zone is nobody's secret, and a shell in the container shall have it, too.
EARLY_VARIABLES = (
    *("PYTHON", "LD_", "GLIBC_", "MALLOC_", "TZ", "LC_", "LANG"),
    *("HOME", "XDG_", "IPYTHON", "VIRTUAL_ENV", "SOURCE_DATE_EPOCH"),
)


@dataclass(frozen=True)
class Handover:
    """What a waiting interpreter is told when a kernel takes it."""

    working_dir: str
    env: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Return the content of `HANDOVER_FILE`."""
        return json.dumps({"cwd": self.working_dir, "env": dict(self.env)}).encode()


def modules_for(reference: str, modules: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return what the containers of an image import while they wait.

    Parameters
    ----------
    reference : str
    modules : mapping
        Names of modules by pattern of references, as in `fnmatch`.
    """
    found = (names for pattern, names in modules.items() if fnmatchcase(reference, pattern))
    return tuple(dict.fromkeys(name for names in found for name in names))


def handed_over(names: Collection[str]) -> frozenset[str]:
    """Return which variables that are passed on from the server a spare gets only when it is taken.

    A person's variables are not for what may never be theirs.
    """
    return frozenset(name for name in names if not name.startswith(EARLY_VARIABLES))


def key(spec: ContainerSpec, variables: Collection[str]) -> ContainerSpec:
    """Return a kernel's container without what is handed over; equal keys can be exchanged.

    Parameters
    ----------
    spec : ContainerSpec
        Of a cold start.
    variables : collection of str
        Names of variables that are handed over.
    """
    return replace(
        spec,
        name="",
        working_dir="",
        labels={k: v for k, v in spec.labels.items() if k not in KERNELS_LABELS},
        env={k: v for k, v in spec.env.items() if k not in variables},
    )


def waiting(spec: ContainerSpec, variables: Collection[str], working_dir: str) -> ContainerSpec:
    """Return what to create ahead of a kernel.

    Parameters
    ----------
    spec : ContainerSpec
        Of a cold start in the spare's place.
    variables : collection of str
    working_dir : str
        Where the interpreter waits, and where a shell beside it begins.
    """
    kept = {k: v for k, v in spec.labels.items() if k not in KERNELS_LABELS}
    return replace(
        spec,
        working_dir=working_dir,
        labels={**kept, labels.PURPOSE: SPARE},
        env={k: v for k, v in spec.env.items() if k not in variables},
    )
