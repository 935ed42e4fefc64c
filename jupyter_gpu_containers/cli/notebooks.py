"""``run``: a notebook from its first cell to its last, in a container of its own."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.config import share_services
from jupyter_gpu_containers.errors import (
    CellFailedError,
    EnvironmentNotFoundError,
    GpuContainersError,
    InvalidRequestError,
    KernelNotRunningError,
)
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.service.services import Services

from . import ending
from .completion import offer
from .gpu_arguments import add_gpus_argument, sizes
from .outcome import Outcome


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``run`` takes."""
    text = "what to run; its folder is the cwd"
    offer(parser.add_argument("notebook", metavar="NOTEBOOK", help=text), "files")
    where = parser.add_mutually_exclusive_group(required=True)
    text = "the notebook with its outputs"
    offer(where.add_argument("-o", "--output", metavar="OUT", help=text), "files")
    where.add_argument("--inplace", action="store_true", help="write the outputs into NOTEBOOK")
    environment = parser.add_argument(
        "-e", "--environment", metavar="NAME", help="default: the one that the notebook names"
    )
    offer(environment, "environments")
    add_gpus_argument(parser, "for this run")
    parser.add_argument("--memory", metavar="SIZE", help="limit of memory, for this run: 16g")
    parser.add_argument("--shm-size", metavar="SIZE", help="size of /dev/shm, for this run: 8g")


async def run(services: Services, arguments: Any) -> Outcome:
    """``run``: what has run is written also where a cell fails, or Ctrl-C ends it."""
    source, target, notebook = await asyncio.to_thread(_read, arguments)
    environment = _environment(services, notebook, arguments)
    per_run = sizes(arguments)
    variables = {**os.environ, **per_run.variables(), "JPY_SESSION_NAME": str(source)}
    share_services(services)  # the provisioner's, in this process
    task = asyncio.current_task()
    assert task is not None
    try:
        with ending.on_signal(task.cancel):
            await _execute(services, notebook, environment, source, target, variables, arguments)
    except (asyncio.CancelledError, KernelNotRunningError):  # nbclient takes one for the other
        if ending.status() is None:
            raise
    finally:
        await asyncio.shield(services.kernels.remove_all())
        share_services(None)
    if status := ending.status():
        return Outcome({"status": status}, lambda style: "", status)
    model = {"notebook": str(source), "output": str(target), "environment": environment}
    return Outcome(model, lambda style: f"Ran {arguments.notebook}: {target}")


def _read(arguments: Any) -> tuple[Path, Path, Any]:
    """Return where the notebook lies, where its outputs go, and what is in it."""
    import nbformat  # takes a while

    source = Path(arguments.notebook).absolute()
    target = source if arguments.inplace else Path(arguments.output).absolute()
    if not target.parent.is_dir():
        raise InvalidRequestError(f"There is no folder {target.parent}.")
    try:
        notebook = nbformat.read(source, as_version=4)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, nbformat.ValidationError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is no notebook"
        raise InvalidRequestError(f"{arguments.notebook} cannot be read: {why}.") from exc
    return source, target, notebook


def _environment(services: Services, notebook: Any, arguments: Any) -> str:
    name = arguments.environment or notebook.metadata.get("kernelspec", {}).get("name", "")
    try:
        return services.environments.get(str(name)).name
    except EnvironmentNotFoundError as exc:
        if arguments.environment:
            raise
        raise EnvironmentNotFoundError(
            f"The notebook names “{str(name)[:100]}”, which is no environment here."
            if name
            else "The notebook names no environment.",
            "Choose one with -e NAME: jupyter gpu-containers environments list",
        ) from exc


async def _execute(
    services: Services,
    notebook: Any,
    environment: str,
    source: Path,
    target: Path,
    variables: dict[str, str],
    arguments: Any,
) -> None:
    import nbclient.exceptions
    import nbformat

    client = _client(notebook, environment)
    if not arguments.json:
        services.launches.on_change(_teller())
    began = False

    async def begin(**_: Any) -> None:
        nonlocal began
        began = True

    client.on_notebook_start = begin
    try:
        await client.async_execute(cwd=str(source.parent), env=variables)
    except nbclient.exceptions.CellExecutionError as exc:
        number = _failed(notebook)
        raise CellFailedError(
            f"Cell {number} of {arguments.notebook} failed: {exc.ename}: {exc.evalue}",
            f"What has run, with the traceback, is in {target}.",
        ) from exc
    except nbclient.exceptions.DeadKernelError as exc:
        raise _death(services) from exc
    finally:
        if began:
            nbformat.write(notebook, target)  # type: ignore[no-untyped-call]


def _client(notebook: Any, environment: str) -> Any:
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    quiet = logging.getLogger(f"{__name__}.kernel")  # failures are told once, in words
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False

    class Client(NotebookClient):
        """Leaves Ctrl-C to this program, which then ends the kernel in every phase of its life."""

        @asynccontextmanager
        async def async_setup_kernel(self, **options: Any) -> AsyncGenerator[None, None]:
            self.km = self.create_kernel_manager()
            self.km.log = quiet
            try:
                await self.async_start_new_kernel(**options)
                await self.async_start_new_kernel_client()
                yield
            finally:
                await asyncio.shield(self._async_cleanup_kernel())

    return Client(
        notebook,
        kernel_name=environment,
        kernel_manager_class=AsyncKernelManager,
        timeout=None,
        startup_timeout=600,
    )


def _failed(notebook: Any) -> int:
    """Return the number of the cell that has raised: the last with an error in its outputs."""
    numbers = [
        number
        for number, cell in enumerate(notebook.cells, 1)
        if any(output.output_type == "error" for output in cell.get("outputs", ()))
    ]
    return numbers[-1] if numbers else 0


def _death(services: Services) -> GpuContainersError:
    for launch in services.launches.list():
        if launch.error is not None:
            error = launch.error
            return GpuContainersError(error.message, error.hint, code=error.code, log=error.log)
    return KernelNotRunningError("The kernel has ended before the notebook.")


def _teller() -> Callable[[Launch], None]:
    """Return what writes each place in line, and the start, once."""
    said: list[str] = []

    def tell(launch: Launch) -> None:
        text = ""
        if launch.phase is Phase.WAITING and launch.queue is not None:
            text = f"Waiting for GPUs, number {launch.queue.position} in line."
        elif launch.phase is Phase.RUNNING:
            text = f"Running in {launch.display_name}."
        if text and text not in said[-1:]:
            said.append(text)
            print(text, file=sys.stderr, flush=True)

    return tell
