"""Limits and refusals: each with a code, a sentence and a hint, and nothing left behind."""

from __future__ import annotations

import os
import re
from contextlib import closing
from types import SimpleNamespace

import docker
import pytest

from jupyter_gpu_containers.errors import (
    EngineUnreachableError,
    GpusBusyError,
    ImageNotFoundError,
    KernelExitedError,
    KernelNotInImageError,
    KernelTimeoutError,
    NotEnoughGpusError,
    OutOfMemoryError,
    WorkspaceError,
    WrongArchitectureError,
)
from tests.faults.refusals import refused
from tests.kernels import running
from tests.rooms import Room

ABSENT = "registry.example/nobody/nothing:1"


# --- images ---------------------------------------------------------------------------------------


async def test_image_not_on_this_machine(any_room: Room) -> None:
    with pytest.raises(ImageNotFoundError) as caught:
        await any_room.environment(ABSENT)
    assert caught.value.error_code == "image_not_found"
    assert ABSENT in caught.value.message
    assert caught.value.hint


@pytest.mark.engine
async def test_image_of_another_architecture(engine_room: Room, images: SimpleNamespace) -> None:
    """Nothing of it is run: a failing start would only say "exec format error"."""
    with pytest.raises(WrongArchitectureError) as caught:
        await engine_room.environment(images.arm64)
    assert caught.value.error_code == "wrong_architecture"
    assert "arm64" in caught.value.message
    assert "docker pull --platform" in caught.value.hint


@pytest.mark.engine
async def test_image_without_a_kernel(engine_room: Room, images: SimpleNamespace) -> None:
    """Nor a Python that one could be carried into."""
    with pytest.raises(KernelNotInImageError) as caught:
        await engine_room.environment(images.no_python)
    assert caught.value.error_code == "kernel_not_in_image"
    assert images.no_python in caught.value.message
    assert caught.value.hint


@pytest.mark.engine
async def test_image_removed_while_its_environment_remains(
    engine_room: Room, engine_host: str, images: SimpleNamespace
) -> None:
    name = f"jgc-test/short-lived:{engine_room.base.name}"
    with closing(docker.APIClient(engine_host)) as client:
        created = client.create_container(images.debian12, ["true"])
        client.commit(created["Id"], *name.split(":"))
        client.remove_container(created["Id"])
        environment = await engine_room.environment(name)
        client.remove_image(name)
        error = await refused(engine_room, environment.name)
        assert isinstance(error, ImageNotFoundError)
        assert error.error_code == "environment_image_missing"
        assert name in error.message
        assert environment.display_name in error.message
        assert "docker pull" in error.hint


@pytest.mark.engine
async def test_an_images_entry_point_is_not_in_the_way(
    engine_room: Room, images: SimpleNamespace
) -> None:
    """Entry points that refuse or never hand over are not run: the kernel's command is."""
    for image in (images.exits_at_once, images.never_answers):
        environment = await engine_room.environment(image)
        async with running(environment.name) as kernel:
            assert await kernel.run("print(1 + 1)") == "2"


# --- GPUs -----------------------------------------------------------------------------------------


async def test_more_gpus_than_there_are(any_room: Room) -> None:
    any_room.configure(fixed_gpus=[{"count": 2}])
    environment = await any_room.environment(any_room.image, gpus=3)
    error = await refused(any_room, environment.name)
    assert isinstance(error, NotEnoughGpusError)
    assert error.error_code == "not_enough_gpus"
    assert error.message == "3 GPUs were asked for, but this machine has 2."
    assert error.hint == "Ask for at most 2."


async def test_no_gpu_at_all(any_room: Room) -> None:
    any_room.configure(fixed_gpus=[])
    environment = await any_room.environment(any_room.image, gpus=1)
    error = await refused(any_room, environment.name)
    assert error.error_code == "not_enough_gpus"
    assert "none that can be used" in error.message


async def test_more_gpus_than_are_free(memory_room: Room) -> None:
    memory_room.configure(fixed_gpus=[{"count": 2}])
    one = await memory_room.environment(memory_room.image, gpus=1)
    two = await memory_room.environment(memory_room.image, gpus=2)
    async with running(one.name) as kernel:
        services = memory_room.services
        with pytest.raises(GpusBusyError) as caught:
            async with running(two.name):
                pass
        assert caught.value.error_code == "gpus_busy"
        assert caught.value.message.startswith(
            "2 GPUs were asked for, but 1 of 2 is free. Held by "
        )
        assert "Stop a kernel" in caught.value.hint
        assert len(await services.backend.containers("jupyter-gpu-containers.version")) == 1
        assert await kernel.run("print(1 + 1)") == "2"
    async with running(two.name):  # free again at once
        pass


@pytest.mark.engine
async def test_an_engine_that_cannot_give_gpus(engine_room: Room) -> None:
    """The inventory names GPUs, but this engine has no NVIDIA driver of its own."""
    engine_room.configure(fixed_gpus=[{"count": 1}])
    environment = await engine_room.environment(engine_room.image, gpus=1)
    error = await refused(engine_room, environment.name)
    assert error.error_code == "engine_error"
    assert "cannot give GPUs to containers" in error.message
    assert "NVIDIA Container Toolkit" in error.hint


# --- the workspace and the run directory ----------------------------------------------------------


async def test_folder_outside_the_workspace(any_room: Room) -> None:
    any_room.configure(workspace=str(any_room.workspace))
    environment = await any_room.environment(any_room.image)
    error = await refused(any_room, environment.name, cwd=str(any_room.home))
    assert isinstance(error, WorkspaceError)
    assert error.error_code == "workspace_not_allowed"
    assert str(any_room.home) in error.message
    assert str(any_room.workspace) in error.message


async def test_folder_through_a_symbolic_link(any_room: Room) -> None:
    any_room.configure(workspace=str(any_room.workspace))
    link = any_room.workspace / "link"
    link.symlink_to(any_room.home)
    environment = await any_room.environment(any_room.image)
    error = await refused(any_room, environment.name, cwd=str(link))
    assert error.error_code == "workspace_symlink"
    assert str(link) in error.message
    assert "data_mounts" in error.hint


async def test_a_system_folder_as_workspace(any_room: Room) -> None:
    any_room.configure(workspace="/usr")
    environment = await any_room.environment(any_room.image)
    error = await refused(any_room, environment.name, cwd="/usr/share")
    assert error.error_code == "workspace_is_system_folder"
    assert "root_dir" in error.hint


async def test_a_folder_that_does_not_exist(any_room: Room) -> None:
    environment = await any_room.environment(any_room.image)
    gone = any_room.workspace / "gone"
    error = await refused(any_room, environment.name, cwd=str(gone))
    assert error.error_code == "workspace_not_allowed"
    assert error.message == f"The folder {gone} does not exist."


async def test_a_run_directory_with_too_long_a_path(any_room: Room) -> None:
    any_room.configure(run_dir=str(any_room.base / ("long" * 25)))
    environment = await any_room.environment(any_room.image)
    error = await refused(any_room, environment.name)
    assert error.error_code == "run_dir_too_long"
    assert "c.GpuContainers.run_dir" in error.hint
    homes = any_room.data / "gpu_containers" / "homes"
    assert os.listdir(homes) == []
    assert os.listdir(any_room.base / ("long" * 25)) == []


@pytest.mark.parametrize("trap", ["open to others", "link", "file"])
async def test_a_run_directory_that_others_could_use(any_room: Room, trap: str) -> None:
    """Somebody else may have made it first, in /tmp: there the keys would lie."""
    if trap == "open to others":
        any_room.run.mkdir(mode=0o755)
        any_room.run.chmod(0o755)
    elif trap == "link":
        elsewhere = any_room.base / "elsewhere"
        elsewhere.mkdir(mode=0o700)
        any_room.run.symlink_to(elsewhere)
    else:
        any_room.run.write_text("")
    environment = await any_room.environment(any_room.image)
    error = await refused(any_room, environment.name)
    assert error.error_code == ("run_dir_unusable" if trap == "file" else "run_dir_not_private")
    assert str(any_room.run) in error.message
    assert "run_dir" in error.hint


# --- the kernel's command -------------------------------------------------------------------------


async def test_a_kernel_that_never_answers(any_room: Room) -> None:
    any_room.configure(start_timeout=1.0)
    environment = await any_room.command("/bin/sh", "-c", "echo waiting; exec sleep 1000")
    error = await refused(any_room, environment.name)
    assert isinstance(error, KernelTimeoutError)
    assert error.error_code == "kernel_timeout"
    assert error.message.startswith("The kernel did not answer within 1 seconds.")
    assert error.log == "waiting\n"
    assert "c.GpuContainers.start_timeout" in error.hint


async def test_a_command_that_exits_at_once(any_room: Room) -> None:
    environment = await any_room.command("/bin/sh", "-c", "echo no licence >&2; exit 3")
    error = await refused(any_room, environment.name)
    assert isinstance(error, KernelExitedError)
    assert error.error_code == "kernel_exited"
    assert "ended by itself with exit code 3 before its kernel answered" in error.message
    assert error.log == "no licence\n"
    assert "command may be missing or broken" in error.hint


async def test_a_command_that_does_not_exist(any_room: Room) -> None:
    environment = await any_room.command("/opt/no-such-kernel", "-f", "{connection_file}")
    error = await refused(any_room, environment.name)
    assert error.error_code == "kernel_exited"
    assert "/opt/no-such-kernel" in str(error)
    assert error.hint


async def test_a_python_without_ipykernel(any_room: Room) -> None:
    """The traceback of Python stands in the error."""
    environment = await any_room.command("python3", "-m", "no_such_kernel")
    error = await refused(any_room, environment.name)
    assert error.error_code == "kernel_exited"
    assert "No module named no_such_kernel" in error.log


# --- memory ---------------------------------------------------------------------------------------


@pytest.mark.engine
async def test_out_of_memory(engine_room: Room) -> None:
    environment = await engine_room.environment(engine_room.image, memory=256 << 20)
    async with running(environment.name) as kernel:
        kernel.client.execute("x = b'1' * (1 << 30)")
        assert await kernel.ended() == 137
        error = engine_room.services.launches.list()[0].error
        assert error is not None
        assert error.code == OutOfMemoryError.code
        # the peak is read in the milliseconds between the kernel's end and that of its counters
        said = r"The kernel was killed: out of memory, limit 256 MB(, peak 25[\d.]+ MB)?\."
        assert re.fullmatch(said, error.message), error.message
        assert "--memory" in error.hint


@pytest.mark.engine
async def test_a_child_that_runs_out_of_memory_is_not_the_kernel(engine_room: Room) -> None:
    environment = await engine_room.environment(engine_room.image, memory=256 << 20)
    async with running(environment.name) as kernel:
        child = "import subprocess, sys; print(subprocess.run([sys.executable, '-c', 'x = 1'], "
        child = child.replace("'x = 1'", "\"x = b'1' * (1 << 30)\"") + "check=False).returncode)"
        assert await kernel.run(child) == "-9"
        assert await kernel.provisioner.poll() is None
        kernel.client.execute("import os; os._exit(3)")
        await kernel.ended()
        error = engine_room.services.launches.list()[0].error
        assert error is not None
        assert error.code == "kernel_exited"  # and not out of memory, long ago


# --- the engine -----------------------------------------------------------------------------------


@pytest.mark.engine
async def test_engine_not_reachable(engine_room: Room) -> None:
    environment = await engine_room.environment(engine_room.image)
    engine_room.configure(engine_url=f"unix://{engine_room.base}/no-engine.sock")
    error = await refused(engine_room, environment.name)
    assert isinstance(error, EngineUnreachableError)
    assert error.error_code == "engine_unreachable"
    assert "systemctl start docker" in error.hint
