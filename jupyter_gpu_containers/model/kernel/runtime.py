"""What is brought into containers: kernels for images that have none, a quick start for others."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jupyter_gpu_containers.errors import InvalidRequestError

RUNTIME_FOLDER = "/opt/jupyter-gpu-containers/runtime"  # where a container sees its runtime
LAUNCHER = "launch.py"
START = "start.py"  # runs the others
KEEPER = "keeper.py"
TRACES = "traces.py"
PRELOAD = "preload.py"
QUICK_START = "quick_start.py"
DEFERRED = "deferred.py"
LEAVING = "leaving.py"
OLDEST_PYTHON = (3, 6)
LIBCS = ("glibc", "musl")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}  # Go's name -> the machine of wheels' tags

_IPYKERNEL = ("-m", "ipykernel_launcher")
_FLAG = re.compile(
    r"-(?:[bBdEIOPqRsSuv]+|X[\w=.]+)", re.ASCII
)  # options of Python that stand alone
_TAG = re.compile(
    rf"cpython-3(?P<minor>[0-9]{{1,2}})-(?P<libc>{'|'.join(LIBCS)})-(?P<arch>{'|'.join(MACHINES)})",
    re.ASCII,
)
_PYTHON = re.compile(r"3\.(\d{1,2})(?:\.\d{1,3})?", re.ASCII)
# The last ipykernel that supports a version of Python; all others take the newest of the line 7.
_LAST = {6: "ipykernel>=5.5.6,<6", 7: "ipykernel>=6.16,<6.17", 8: "ipykernel>=6.29,<6.30"}
_NEWEST = "ipykernel>=6.29,<8"
# glibc 2.17 is CentOS 7's: no image with Python is older. For Python 3.14 pyzmq has nothing below.
_MANYLINUX = (("2_17", "2014"), ("2_12", "2010"), ("2_5", "1"))
_NEW_GLIBC = ("2_28", "2_27", "2_26", "2_24")
_NEW_PYTHON = 14
_MUSLLINUX = ("1_2", "1_1", "1_0")
# The wheels of pyzmq 27 crash with musl before 1.2.4 (Alpine 3.17 and older), which does not know
# DT_RELR; for Python 3.14 there are no others.
_MUSL_LIMITS = ("pyzmq<27",)


@dataclass(frozen=True, order=True)
class RuntimeTag:
    """What a runtime fits: CPython's minor version, C library, CPU architecture.

    ``RuntimeTag.parse(str(tag)) == tag``.
    """

    minor: int  # of Python 3
    libc: str  # "glibc", "musl"
    arch: str  # Go's name, "amd64"

    @classmethod
    def make(cls, python: str, libc: str, arch: str) -> RuntimeTag:
        """Return the tag for a version such as "3.11" or "3.11.4".

        Raises
        ------
        InvalidRequestError
            No runtime can be made for these.
        """
        match = _PYTHON.fullmatch(python)
        if match is None or int(match[1]) < OLDEST_PYTHON[1]:
            raise InvalidRequestError(
                f"A kernel can be carried into Python 3.6 or newer, not into “{python[:20]}”.",
                "Give a version such as 3.11.",
            )
        if libc not in LIBCS or arch not in MACHINES:
            raise InvalidRequestError(
                f"There is no kernel runtime for the C library “{libc[:20]}” on “{arch[:20]}”.",
                f"C libraries: {', '.join(LIBCS)}; architectures: {', '.join(MACHINES)}.",
            )
        return cls(int(match[1]), libc, arch)

    @classmethod
    def parse(cls, text: str) -> RuntimeTag:
        """Read ``cpython-311-glibc-amd64``. Raises `InvalidRequestError`."""
        match = _TAG.fullmatch(text)
        if match is None or int(match["minor"]) < OLDEST_PYTHON[1]:
            raise InvalidRequestError(
                f"“{text[:60]}” is not a kernel runtime.",
                "They are named like cpython-311-glibc-amd64.",
            )
        return cls(int(match["minor"]), match["libc"], match["arch"])

    def __str__(self) -> str:
        return f"cpython-3{self.minor}-{self.libc}-{self.arch}"

    @property
    def python(self) -> str:
        """The version of Python, "3.11"."""
        return f"3.{self.minor}"

    @property
    def machine(self) -> str:
        """The architecture as ``platform.machine`` says it."""
        return MACHINES[self.arch]

    @property
    def abis(self) -> tuple[str, ...]:
        """ABI tags of wheels that fit."""
        flags = "m" if self.minor < 8 else ""
        return f"cp3{self.minor}{flags}", "abi3", "none"

    @property
    def platforms(self) -> tuple[str, ...]:
        """Platform tags of wheels that fit, best first."""
        if self.libc == "musl":
            return tuple(f"musllinux_{version}_{self.machine}" for version in _MUSLLINUX)
        newer = _NEW_GLIBC if self.minor >= _NEW_PYTHON else ()
        tags = [f"manylinux_{version}_{self.machine}" for version in newer]
        for version, legacy in _MANYLINUX:
            tags += [f"manylinux_{version}_{self.machine}", f"manylinux{legacy}_{self.machine}"]
        return tuple(tags)

    @property
    def requirement(self) -> str:
        """What is asked of the package index."""
        return _LAST.get(self.minor, _NEWEST)

    @property
    def limits(self) -> tuple[str, ...]:
        """Requirements that what is needed must meet, too."""
        return _MUSL_LIMITS if self.libc == "musl" and self.minor < _NEW_PYTHON else ()

    @property
    def debugger(self) -> bool:
        """Whether this ipykernel has one."""
        return self.minor >= 7

    def argv(self, executable: str) -> tuple[str, ...]:
        """Return the command that starts the kernel inside a container."""
        return (executable, f"{RUNTIME_FOLDER}/{LAUNCHER}", "-f", "{connection_file}")


def quick_argv(argv: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the command that starts the same ipykernel sooner; None for any other kernel.

    >>> quick_argv(("python3", "-m", "ipykernel_launcher", "-f", "{connection_file}"))
    ('python3', '/opt/jupyter-gpu-containers/runtime/start.py', '-f', '{connection_file}')
    >>> quick_argv(("R", "--slave", "-e", "IRkernel::main()"))
    """
    place = 1
    while place < len(argv) and _FLAG.fullmatch(argv[place]):
        place += 1
    if argv[place : place + 2] != _IPYKERNEL:
        return None
    return (*argv[:place], f"{RUNTIME_FOLDER}/{START}", *argv[place + 2 :])
