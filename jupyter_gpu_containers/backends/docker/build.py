"""Builds by the real engine: with BuildKit where engine and docker CLI have it, else without.

BuildKit wants a session beside its request (gRPC both ways), which only Docker's own client
speaks; it runs as a program. Without it there is the classic builder, which is asked by HTTP. Both
get the same context, and no option that would reach out of a build: no host network, no devices,
no privileges, no labels, no arguments.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from functools import cache
from typing import IO, Protocol

from docker import auth

from jupyter_gpu_containers.backends.build_context import BuildContext
from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.image.build import BuildPlan
from jupyter_gpu_containers.model.job import Step
from jupyter_gpu_containers.model.kernel.container import EngineInfo
from jupyter_gpu_containers.ports import Progress

from .build_words import BuildWords
from .client import EngineClient, Request
from .commit import has_classic_store
from .streams import JsonStream
from .transfer import Transfer

ANSWER = 20.0  # seconds for the docker CLI to tell what it is
LINE = 64 << 10  # bytes of a line that are read at once
# What would send the build elsewhere, or change what comes of it.
_NOT_PASSED = re.compile(r"DOCKER_(?!CONFIG$|CERT_PATH$|TLS)|BUILDX_|BUILDKIT_|SOURCE_DATE_EPOCH$")


class Build(Protocol):
    """A build in a thread of its own."""

    def start(self) -> Future[None]:
        """Begin; the future raises what the failure amounts to."""

    def cancel(self) -> None:
        """Stop the engine's work."""


def prepare(
    request: Request, address: str, plan: BuildPlan, info: EngineInfo, progress: Progress | None
) -> Build:
    """Read a plan's context and choose the builder; blocks.

    Parameters
    ----------
    request : callable
        Makes a request to the engine.
    address : str
        The engine's, as DOCKER_HOST.
    plan : BuildPlan
    info : EngineInfo
    progress : callable, optional

    Raises
    ------
    InvalidRequestError
        The context is none, or there are secrets and no BuildKit.
    """
    context = BuildContext(plan)
    # To containerd's store, the CLI before 23.0 cannot send a context.
    plugin = not has_classic_store(info)
    program = buildkit_program(plugin=plugin) if info.name == "Docker Engine" else None
    if program is None and plan.secrets:
        raise InvalidRequestError(
            "A build with secrets needs BuildKit, which this machine has not: with the classic "
            "builder a secret would stay in the image.",
            "Install Docker's client with BuildKit: docker-cli and docker-buildx-plugin, or "
            "docker.io and docker-buildx.",
            code="buildkit_missing",
        )
    if progress is not None:
        progress(Step("", "Sending the context", text=(f"Context: {context}",)))
    if program is not None:
        return BuildKitBuild(program, address, plan, context, progress)
    return ClassicBuild(request, plan, context, progress)


def buildkit_program(*, plugin: bool = False) -> str | None:
    """Return the first docker CLI on the PATH that can speak to BuildKit; None without one.

    Parameters
    ----------
    plugin : bool
        Whether it must do so by its plugin buildx.
    """
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    found = (shutil.which("docker", path=folder) for folder in folders if folder)
    paths = (path for path in found if path)
    return next((path for path in paths if _speaks_buildkit(os.path.realpath(path), plugin)), None)


@cache
def _speaks_buildkit(path: str, plugin: bool) -> bool:
    """Before 23.0 the CLI brought BuildKit's client along; since then the plugin buildx does."""
    version = re.match(r"Docker version (\d+)\.", _answer(path, "--version"))
    if version is None:
        return False  # Podman, under Docker's name
    if int(version[1]) < 23 and not plugin:
        return True
    return "buildx" in _answer(path, "buildx", "version")


def _answer(*command: str) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=ANSWER, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


class ClassicBuild(Transfer):
    """A build by the classic builder."""

    def __init__(
        self, request: Request, plan: BuildPlan, context: BuildContext, progress: Progress | None
    ) -> None:
        self._stop = threading.Event()
        words = BuildWords(plan.tag)
        query = {"t": plan.tag, "dockerfile": plan.dockerfile, "rm": "1", "forcerm": "1"}

        def begin(client: EngineClient) -> JsonStream:
            known = auth.load_config().get_all_credentials()  # type: ignore[no-untyped-call]
            logins = auth.encode_header(known).decode("ascii")
            return client.build_stream(self._until_stopped(context.stream()), query, logins)

        super().__init__(request, plan.tag, begin, words.failure, progress, words.answer)

    def _until_stopped(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self._stop.is_set():
                raise ConnectionAbortedError("The build was cancelled.")
            yield chunk

    def cancel(self) -> None:
        """Stop sending, and close the stream, upon which the engine stops its work."""
        self._stop.set()
        super().cancel()


class BuildKitBuild:
    """A build by BuildKit, as a child process; its end is that of the engine's work."""

    def __init__(
        self,
        program: str,
        address: str,
        plan: BuildPlan,
        context: BuildContext,
        progress: Progress | None,
    ) -> None:
        self._program = program
        self._address = address
        self._plan = plan
        self._context = context
        self._progress = progress
        self._words = BuildWords(plan.tag)
        self._done: Future[None] = Future()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._cancelled = threading.Event()

    def start(self) -> Future[None]:
        """Begin; the future raises what the failure amounts to."""
        self._done.set_running_or_notify_cancel()
        threading.Thread(target=self._work, name="gpu-containers-build", daemon=True).start()
        return self._done

    def cancel(self) -> None:
        """End the program, upon which the engine stops its work."""
        with self._lock:
            self._cancelled.set()
        self._end()

    def _end(self) -> None:
        with self._lock:
            process = self._process
        # The engine ends a build whose client is gone. SIGTERM would do so, too, were it not that
        # the CLI of 20.10 often stays until the step has ended.
        if process is not None and process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _work(self) -> None:
        try:
            with ExitStack() as stack:
                self._run(stack)
        except BaseException as exc:  # noqa: BLE001  whatever it is, the waiting side gets it
            self._done.set_exception(exc)
        else:
            self._done.set_result(None)

    def _run(self, stack: ExitStack) -> None:
        secrets = [_secret(stack, name, value) for name, value in self._plan.secrets.items()]
        with self._lock:
            if self._cancelled.is_set():
                return
            process = self._process = subprocess.Popen(
                [*self._command(), *secrets, "-"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=build_environment(os.environ, self._address),
                start_new_session=True,  # a group to end; and Ctrl-C is for us
            )
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            problems: list[BaseException] = []
            sender = threading.Thread(
                target=self._send, args=(process.stdin, problems), daemon=True
            )
            sender.start()
            try:
                self._listen(process.stdout)
            finally:
                if process.poll() is None:
                    process.wait()
                sender.join()
        if self._cancelled.is_set():
            return
        if problems:
            raise problems[0]
        if process.returncode != 0:
            raise self._words.failure()

    def _command(self) -> list[str]:
        plan = self._plan
        names = [f"--tag={plan.tag}", f"--file={plan.dockerfile}"]
        return [self._program, "build", "--progress=plain", *names]

    def _send(self, stdin: IO[bytes], problems: list[BaseException]) -> None:
        try:
            with stdin:
                for chunk in self._context.stream():
                    stdin.write(chunk)
        except BrokenPipeError:
            return  # it has ended, and says why itself
        except BaseException as exc:  # noqa: BLE001  raised by the thread that waits
            problems.append(exc)
            self._end()

    def _listen(self, stdout: IO[bytes]) -> None:
        while line := stdout.readline(LINE):
            for step in self._words.line(line):
                if self._progress is not None and not self._cancelled.is_set():
                    self._progress(step)


def _secret(stack: ExitStack, name: str, value: bytes) -> str:
    """Return the option of a secret, which is in memory: neither on a disk nor in a command line.

    Its address is in the folder of this process, for programs that the CLI starts need it, too;
    only this user can open it.
    """
    descriptor = os.memfd_create(f"secret-{name}", os.MFD_CLOEXEC)
    stack.callback(os.close, descriptor)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(value)
    return f"--secret=id={name},src=/proc/{os.getpid()}/fd/{descriptor}"


def build_environment(environ: Mapping[str, str], address: str) -> dict[str, str]:
    """Return the docker CLI's environment; it passes nothing of it on to a build."""
    kept = {name: value for name, value in environ.items() if not _NOT_PASSED.match(name)}
    return kept | {
        "DOCKER_HOST": address,
        "DOCKER_BUILDKIT": "1",
        "DOCKER_CLI_HINTS": "false",
        "BUILDX_BUILDER": "default",  # the engine's own, whose result is among its images
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",  # an image, not an index of one
        "BUILDX_GIT_INFO": "false",
    }
