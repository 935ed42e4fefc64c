"""The look inside an image: which Python and which kernels it has.

The image may be hostile: what it prints is read as data from a stranger, with limits, and becomes
nothing but names to show and a command to run inside that same image.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.image.image import ImageKernel, ImageProbe, ImagePython
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerSpec, Network
from jupyter_gpu_containers.model.kernel.runtime import MACHINES, RuntimeTag

SCRIPT = files(__package__).joinpath("probe.sh").read_text(encoding="utf-8")
TIMEOUT = 60.0  # seconds; the first container of a large image reads much from a cold disk

MAX_OUTPUT = 1 << 20  # characters that are read at all
MAX_RECORDS = 64
MAX_KERNELS = 32
MAX_ARGUMENTS = 64
MAX_TEXT = 256

_RECORD = "\x1e"
_VERSION = re.compile(r"\d{1,3}(?:\.\d{1,3}){1,2}", re.ASCII)
_GLIBC = re.compile(r"glibc 2\.(\d{1,3})", re.ASCII)
OLDEST_GLIBC = 17  # 2.17, what the wheels of a runtime were built for
_DISTRIBUTION = "/usr"  # prefix of the distribution's own Python
_R_FOLDER = re.compile(r"/lib(?:64)?/R/bin/R")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
# Jupyter reads these as "the Python of this installation", not as names to be searched for.
_OWN_PYTHON = re.compile(r"python(?:\d(?:\.\d+)?)?", re.ASCII)


def make_probe_spec(image_id: str, *, owner: str, user: str) -> ContainerSpec:
    """Return the container that looks inside an image: no network, no GPU, no capability."""
    return ContainerSpec(
        image=image_id,
        command=("/bin/sh", "-c", SCRIPT),
        name=f"jupyter-gpu-containers-probe-{uuid.uuid4().hex[:12]}",
        user="65534:65534",
        working_dir="/",
        labels=labels.make_labels(purpose="probe", owner=owner, user=user),
        env={"HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"},
        memory=512 << 20,
        pids_limit=64,
        network=Network.NONE,
        hostname="probe",
    )


@dataclass(frozen=True)
class _Interpreter:
    version: str
    prefix: str
    executable: str
    ipykernel: bool
    debugpy: bool
    runtime: RuntimeTag | None  # what could be carried in


def parse_probe(output: str) -> ImageProbe:
    """Read what the probe printed; whatever does not look right is left out.

    An image without a shell or without Python printed nothing: it has no kernels. A Python that has
    no kernel of its own gets the one that is carried in, where one fits.
    """
    records = list(_records(output[:MAX_OUTPUT]))
    interpreters = [i for word, rest in records if word == "python" and (i := _interpreter(rest))]
    first = interpreters[0] if interpreters else None
    found: list[tuple[ImageKernel, str]] = []  # with the prefix that it belongs to
    for word, rest in records:
        directory, _, text = rest.partition("\n")
        prefix = _prefix_of(directory)
        own = next((i for i in interpreters if i.prefix == prefix), first)
        if word == "kernelspec" and (kernel := _kernelspec(directory, text, own)):
            found.append((kernel, prefix))
    found += [(_synthesised(i), i.prefix) for i in interpreters if _lacks_kernelspec(i, found)]
    found += [
        (_irkernel(r), _R_FOLDER.sub("", r))
        for word, rest in records
        if word == "irkernel" and (r := _path(rest.strip())) and not _starts_irkernel(r, found)
    ]
    own_python = any(kernel.language == "python" for kernel, _ in found)
    found += [
        (_carried(i, i.runtime), i.prefix)
        for i in interpreters
        if i.runtime is not None and not _has_kernel(i, found)
        # an image whose kernels are in conda does not mean the distribution's Python beside it
        if not (own_python and i.prefix == _DISTRIBUTION)
    ]
    # stable: the kernels of the first interpreter lead, since `python3` there is what people mean
    found.sort(key=lambda pair: first is None or pair[1] != first.prefix)
    return ImageProbe(
        python=first.version if first else None,
        kernels=_distinct(found),
        pythons=tuple(
            ImagePython(
                i.version, i.executable, i.ipykernel, None if i.runtime is None else str(i.runtime)
            )
            for i in interpreters
        ),
    )


def _records(output: str) -> Iterator[tuple[str, str]]:
    for record in output.split(_RECORD)[1 : MAX_RECORDS + 1]:
        word, _, rest = record.partition(" ")
        yield word, rest


def _prefix_of(directory: str) -> str:
    """``/opt/conda/share/jupyter/kernels/python3`` belongs to ``/opt/conda``."""
    return directory.partition("/share/jupyter/")[0]


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _clean(value: object) -> str:
    """Text to show: one line, no control or direction-changing characters, of bounded length."""
    if not isinstance(value, str):
        return ""
    return "".join(filter(str.isprintable, value)).strip()[:MAX_TEXT]


def _path(value: object) -> str | None:
    """An absolute path of printable characters, else None."""
    if not isinstance(value, str) or not len(value) <= MAX_TEXT or not value.isprintable():
        return None
    return value if PurePosixPath(value).is_absolute() else None


def _interpreter(text: str) -> _Interpreter | None:
    facts = _json_object(text)
    version, prefix = facts.get("version"), _path(facts.get("prefix"))
    executable = _path(facts.get("executable"))
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        return None
    if prefix is None or executable is None:
        return None
    return _Interpreter(
        version=version,
        prefix=prefix,
        executable=executable,
        ipykernel=facts.get("ipykernel") is True,
        debugpy=facts.get("debugpy") is True,
        runtime=_runtime(facts, version),
    )


def _runtime(facts: dict[str, Any], version: str) -> RuntimeTag | None:
    """Return the runtime that fits a Python; None where none does."""
    if facts.get("implementation") != "cpython" or facts.get("abiflags") not in ("", "m"):
        return None
    libc, machine = facts.get("libc"), facts.get("machine")
    arch = next((arch for arch, name in MACHINES.items() if name == machine), "")
    glibc = _GLIBC.match(libc) if isinstance(libc, str) else None
    if glibc is not None:
        libc = "glibc" if int(glibc[1]) >= OLDEST_GLIBC else ""
    try:
        return RuntimeTag.make(version, libc if isinstance(libc, str) else "", arch)
    except InvalidRequestError:
        return None


def _kernelspec(directory: str, text: str, own: _Interpreter | None) -> ImageKernel | None:
    """Read one kernel.json as Jupyter would; None where it cannot be started by its command."""
    resource_dir = _path(directory)
    spec = _json_object(text)
    if resource_dir is None or not (name := PurePosixPath(resource_dir).name):
        return None
    metadata = spec.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    if "kernel_provisioner" in metadata or not _NAME.fullmatch(name):
        return None
    argv = _argv(spec.get("argv"))
    if not any("{connection_file}" in arg for arg in argv):
        return None
    if own is not None and _OWN_PYTHON.fullmatch(argv[0]):
        argv = (own.executable, *argv[1:])
    argv = tuple(arg.replace("{resource_dir}", resource_dir) for arg in argv)
    return ImageKernel(
        name=name.lower(),
        display_name=_clean(spec.get("display_name")) or name,
        language=_clean(spec.get("language")),
        argv=(*_environment(spec.get("env")), *argv),
        debugger=metadata.get("debugger") is True,
        # ipykernel understands both, and a signal also reaches it inside a C extension
        interrupt_mode="message"
        if spec.get("interrupt_mode") == "message" and spec.get("language") != "python"
        else "signal",
    )


def _argv(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_ARGUMENTS:
        return ()
    if not all(isinstance(arg, str) and len(arg) <= 4096 and "\0" not in arg for arg in value):
        return ()
    return tuple(value)


def _environment(value: object) -> tuple[str, ...]:
    """A kernelspec's variables as a call of env(1), which sets them inside the container."""
    if not isinstance(value, dict) or not 0 < len(value) <= MAX_ARGUMENTS:
        return ()
    pairs = tuple(
        f"{key}={item}"
        for key, item in value.items()
        # "${PATH}" would be the server's, not the image's
        if isinstance(item, str) and len(item) <= 4096 and not re.search(r"\0|\$", item)
        if _VARIABLE.fullmatch(key)
    )
    return ("env", *pairs) if pairs else ()


def _lacks_kernelspec(interpreter: _Interpreter, found: list[tuple[ImageKernel, str]]) -> bool:
    """Whether ipykernel is there but no kernelspec starts it by this interpreter."""
    return (
        interpreter.ipykernel
        and not interpreter.version.startswith("2.")
        and not any(interpreter.executable in kernel.argv for kernel, _ in found)
        and not any(
            prefix == interpreter.prefix and kernel.language == "python" for kernel, prefix in found
        )
    )


def _synthesised(interpreter: _Interpreter) -> ImageKernel:
    return ImageKernel(
        name="python3",
        display_name="Python 3 (ipykernel)",
        language="python",
        argv=(interpreter.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"),
        debugger=interpreter.debugpy,
    )


def _irkernel(r: str) -> ImageKernel:
    """The kernelspec that the package IRkernel has inside, and that nobody has installed."""
    argv = (r, "--slave", "-e", "IRkernel::main()", "--args", "{connection_file}")
    return ImageKernel("ir", "R", "R", argv)


def _starts_irkernel(r: str, found: list[tuple[ImageKernel, str]]) -> bool:
    """Whether a kernelspec does, by this R's path or by its name, as Debian's package does."""
    return any(
        kernel.language == "R" and not {"R", r}.isdisjoint(kernel.argv) for kernel, _ in found
    )


def _has_kernel(interpreter: _Interpreter, found: list[tuple[ImageKernel, str]]) -> bool:
    return interpreter.ipykernel or any(
        interpreter.executable in kernel.argv for kernel, _ in found
    )


def _carried(interpreter: _Interpreter, runtime: RuntimeTag) -> ImageKernel:
    return ImageKernel(
        name="python3",
        display_name=f"Python {runtime.python} (kernel carried in)",
        language="python",
        argv=runtime.argv(interpreter.executable),
        debugger=runtime.debugger,
        runtime=str(runtime),
    )


def _distinct(found: list[tuple[ImageKernel, str]]) -> tuple[ImageKernel, ...]:
    """Give kernels of the same name the name of their prefix, as conda's environments have it."""
    kernels: dict[str, ImageKernel] = {}
    commands: set[tuple[str, ...]] = set()
    for kernel, prefix in found:
        if kernel.argv in commands:
            continue
        commands.add(kernel.argv)
        name, title = kernel.name, kernel.display_name
        if name in kernels and kernel.runtime and prefix == found[0][1]:
            # a second Python of the same installation: only its version tells them apart
            name = f"{name}.{RuntimeTag.parse(kernel.runtime).minor}"
        if name in kernels:
            place = re.sub(r"[^a-z0-9._-]+", "-", PurePosixPath(prefix).name.lower()) or "2"
            name, title = f"{name}-{place}", f"{title} [{place}]"[:MAX_TEXT]
        if name not in kernels and len(kernels) < MAX_KERNELS:
            kernels[name] = replace(kernel, name=name, display_name=title)
    return tuple(kernels.values())
