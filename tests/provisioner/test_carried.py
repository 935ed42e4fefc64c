"""Images that have never heard of Jupyter run notebooks, and stay what they are."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import docker
import nbformat
import pytest

from jupyter_gpu_containers.errors import RuntimeUnavailableError
from jupyter_gpu_containers.model.kernel.runtime import RUNTIME_FOLDER, RuntimeTag
from jupyter_gpu_containers.runtime.carried import FOLDER
from tests.carried import copy_runtimes
from tests.kernels import running
from tests.provisioner.ahead import compare
from tests.rooms import Room, run_program

pytestmark = pytest.mark.engine

TRAIN = Path(__file__).resolve().parents[1] / "samples" / "train.ipynb"
LIB = f"{RUNTIME_FOLDER}/lib"
PATH = "import json, sys; print(json.dumps(sys.path))"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runtimes of the images here, which these tests share."""
    folder = tmp_path_factory.mktemp("runtimes")
    copy_runtimes(folder)
    return folder


@pytest.fixture
def engine(engine_host: str) -> Iterator[docker.DockerClient]:
    """A client beside the product's own."""
    client = docker.DockerClient(base_url=engine_host)
    yield client
    client.close()


@pytest.fixture
def room(engine_room: Room, prepared: Path) -> Room:
    """A room in which runtimes are shared with the other tests here."""
    (engine_room.data / "gpu_containers" / "runtimes").symlink_to(prepared)
    return engine_room


async def test_a_kernel_in_an_image_without_one(room: Room, images: SimpleNamespace) -> None:
    environment = await room.environment(images.plain)
    assert environment.kernel.runtime is not None
    async with running(environment.name, cwd=str(room.workspace)) as kernel:
        assert await kernel.run("import numpy; print(numpy.__file__, (numpy.arange(4) * 2).sum())")
        assert (await kernel.run("numpy.__file__")).startswith("'/usr/lib/python3/")
        assert (await kernel.run("import IPython; IPython.__file__")).startswith(f"'{LIB}/")
        # children of the kernel are the image's alone
        child = "import subprocess, sys; print(subprocess.run([sys.executable, '-c', 'import zmq']"
        assert await kernel.run(f"{child}, stderr=subprocess.DEVNULL).returncode)") == "1"
        assert "Read-only" in await kernel.run(f"open('{LIB}/zmq/__init__.py', 'a')")
        assert "Read-only" in await kernel.run(f"open('{LIB}/numpy.py', 'w')")
        # compiled, or a start would take five times as long
        assert (await kernel.run("import zmq; zmq.__cached__ and open(zmq.__cached__)")).startswith(
            "<_io.TextIOWrapper"
        )
        before = await kernel.run("import os; os.getpid()")
        cell = await kernel.begin("import time; print('begun', flush=True); time.sleep(60)")
        await kernel.manager.interrupt_kernel()
        assert "KeyboardInterrupt" in await cell
        await kernel.manager.restart_kernel()
        await kernel.answers_again()
        assert await kernel.run("print('numpy' in globals(), 1 + 1)") == "False 2", before


async def test_one_that_was_started_ahead_is_as_any_other(
    room: Room, images: SimpleNamespace
) -> None:
    await compare(room, images.plain, configured=False)


@pytest.mark.parametrize("variables", [{}, {"PYTHONSAFEPATH": "1"}, {"PYTHONPATH": ":/srv"}])
async def test_the_path_is_that_of_an_ordinary_kernel_and_one_more(
    room: Room, images: SimpleNamespace, variables: dict[str, str]
) -> None:
    """Also where the image sets what Python reads (an empty part means the present folder)."""
    room.configure(environment_variables=variables)
    paths = []
    for image in (images.debian12, images.plain):
        environment = await room.environment(image)
        async with running(environment.name, cwd=str(room.workspace)) as kernel:
            path = json.loads(await kernel.run(PATH))
            paths.append([entry for entry in path if "IPython/extensions" not in entry])
    own, carried = paths
    if variables.get("PYTHONSAFEPATH"):
        own.remove("")  # IPython heeds it since version 8.13
    else:
        # Debian 12's ipykernel leaves there what `python -m` adds; later ones take it away
        assert own.pop(0) == str(room.workspace)
    assert carried.index(LIB) > carried.index("/usr/lib/python3/dist-packages")
    assert [entry for entry in carried if entry != LIB] == own


async def test_modules_in_the_notebooks_folder_are_not_for_the_kernel(
    room: Room, images: SimpleNamespace
) -> None:
    for name in ("random", "traitlets", "ipykernel", "mine"):
        (room.workspace / f"{name}.py").write_text("print('imported', __name__)")
    environment = await room.environment(images.plain)
    async with running(environment.name, cwd=str(room.workspace)) as kernel:
        assert await kernel.run("import mine") == "imported mine"


async def test_what_the_image_has_wins(room: Room, images: SimpleNamespace) -> None:
    """Debian's IPython and more, under an ipykernel that is carried in.

    Its jupyter_client 7 is too old for that, and its pyzmq 24 for ours.
    """
    environment = await room.environment(images.no_kernel)
    async with running(environment.name) as kernel:
        for name in ("IPython", "traitlets", "psutil", "matplotlib", "six", "dateutil"):
            text = await kernel.run(f"import {name}; {name}.__file__")
            assert text.startswith("'/usr/lib/python3/"), text
        for name in ("ipykernel", "jupyter_client", "zmq"):
            text = await kernel.run(f"import {name}; {name}.__file__")
            assert text.startswith(f"'{LIB}/"), text


async def test_packages_of_the_image_that_do_not_fit(
    room: Room, images: SimpleNamespace, engine: docker.DockerClient
) -> None:
    """The kernel uses its own of those, and of those alone; the container's log names them."""
    site = "/usr/lib/python3/dist-packages"
    script = (
        f"cd {site} && mkdir tornado-4.5.3.dist-info"
        " && echo 'raise SystemExit(1)' > tornado.py && echo 'mine = True' > tzdata.py"
    )
    tag = f"jgc-test/stale:{room.base.name}"
    container = engine.containers.create(images.plain, ["/bin/sh", "-c", script])
    try:
        container.start()
        assert container.wait()["StatusCode"] == 0
        container.commit(*tag.split(":"))
        environment = await room.environment(tag)
        async with running(environment.name) as kernel:
            assert (await kernel.run("import tornado; tornado.version_info >= (6, 1)")) == "True"
            log = engine.containers.get(await kernel.container_id()).logs().decode()
            assert "tornado 4.5.3 of this image does not fit" in log
            assert log.count("of this image") == 1
            # a module of the image that only has the name of one of the kernel's
            assert await kernel.run("import tzdata; print(tzdata.mine)") == "True"
    finally:
        container.remove(force=True)
        engine.images.remove(tag, force=True)


async def test_another_python_and_another_kernel(room: Room, images: SimpleNamespace) -> None:
    """Python 3.9, for which this machine may have no compiler: then the image compiles."""
    environment = await room.environment(images.debian11)
    async with running(environment.name) as kernel:
        assert await kernel.run("import sys; print(*sys.version_info[:2])") == "3 9"
        assert (await kernel.run("import numpy; numpy.__file__")).startswith("'/usr/lib/python3/")
        assert await kernel.run("import ipykernel; ipykernel.version_info[0]") == "6"
        assert (await kernel.run("import zmq; zmq.__cached__ and open(zmq.__cached__)")).startswith(
            "<_io.TextIOWrapper"
        )
    assert room.services.kernels.runtimes is not None
    store = room.services.kernels.runtimes.store
    found = store.find(RuntimeTag.make("3.9", "glibc", "amd64"), environment.image_id)
    assert found is not None
    assert found.compiled
    assert found.image_id in (None, environment.image_id)


@pytest.mark.parametrize(
    ("image", "python", "numpy"),
    [("debian11", "3.9", "1.19"), ("plain313", "3.13", "2.2")],
)
def test_a_notebook_runs_in_images_that_have_never_heard_of_jupyter(
    room: Room, images: SimpleNamespace, image: str, python: str, numpy: str
) -> None:
    """A small model learns, with the image's own NumPy, and its weights are a file beside it."""
    environment = room.environment_now(getattr(images, image))
    notebook = nbformat.read(TRAIN, 4)  # type: ignore[no-untyped-call]
    versions = "import sys; print(*sys.version_info[:2], *np.__version__.split('.')[:2], sep='.')"
    notebook.cells[-1] = nbformat.v4.new_code_cell(versions)  # type: ignore[no-untyped-call]  # no plot
    nbformat.write(notebook, room.workspace / "in.ipynb")  # type: ignore[no-untyped-call]
    command = [sys.executable, "-m", "papermill", "-k", environment.name, "in.ipynb", "out.ipynb"]
    done = run_program(room, [*command, "-p", "epochs", "20"])
    assert done.returncode == 0, done.stdout
    out = nbformat.read(room.workspace / "out.ipynb", 4)  # type: ignore[no-untyped-call]
    outputs = [output for cell in out.cells for output in cell.get("outputs", ())]
    assert [output.text for output in outputs if output.output_type == "stream"] == [
        "20 epochs: loss 0.767 -> 0.300, accuracy 0.868\n",
        f"{python}.{numpy}\n",
    ]
    weights = (room.workspace / "weights.npz").stat()
    assert (weights.st_uid, weights.st_gid) == (os.getuid(), os.getgid())


async def test_no_kernel_to_be_had(
    engine_room: Room, images: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told before anything is created, with what to do."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    environment = await engine_room.environment(images.plain)
    with pytest.raises(RuntimeUnavailableError) as caught:
        async with running(environment.name):
            pass
    assert caught.value.error_code == "runtime_unavailable"
    assert "Python 3.11 (glibc, " in caught.value.message
    assert "runtime prepare --python 3.11" in caught.value.hint
    assert "runtime bundle" in caught.value.hint
    (launch,) = engine_room.services.launches.list()
    assert [time.phase.value for time in launch.phases] == ["queued", "creating", "failed"]


async def test_launches_at_once_prepare_once(engine_room: Room, images: SimpleNamespace) -> None:
    """Each in a room of its own would fetch; these share one folder, and so one preparation."""
    environment = await engine_room.environment(images.plain)

    async def answer() -> str:
        async with running(environment.name) as kernel:
            return await kernel.run("print(1 + 1)")

    assert await asyncio.gather(answer(), answer()) == ["2", "2"]
    store = engine_room.data / FOLDER
    assert [path.name for path in store.glob("cpython-*")] == [environment.kernel.runtime]
    assert list(store.glob(".new-*")) == []
