"""Kernel runtimes on disk: made whole or not at all, once for everybody, moved by a file."""

import io
import json
import sys
import tarfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor, wait
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.errors import (
    InvalidRequestError,
    KernelTimeoutError,
    NotFoundError,
    RuntimeUnavailableError,
)
from jupyter_gpu_containers.model.kernel.container import ContainerSpec, Mount, Network
from jupyter_gpu_containers.model.kernel.launch import Caller
from jupyter_gpu_containers.model.kernel.runtime import RUNTIME_FOLDER, RuntimeTag
from jupyter_gpu_containers.runtime.carried import RuntimeStore
from jupyter_gpu_containers.runtime.carried_bundle import load_bundle, write_bundle
from jupyter_gpu_containers.runtime.carried_fetch import Fetched, Fetcher
from jupyter_gpu_containers.service.kernel.runtimes import KernelRuntimes

TAG = RuntimeTag.parse("cpython-39-glibc-amd64")
IMAGE = "sha256:" + "a" * 64


class LocalFetcher(Fetcher):
    """Fills a folder without a package index, when it is let go; or fails in a given way."""

    def __init__(self, *, compiled: bool = True, failure: Exception | None = None) -> None:
        super().__init__()
        self.compiled = compiled
        self.failure = failure
        self.go = threading.Event()
        self.go.set()
        self.count = 0

    def fetch(self, tag: RuntimeTag, folder: Path) -> Fetched:
        self.count += 1
        (folder / "lib" / "ipykernel").mkdir(parents=True)
        (folder / "lib" / "ipykernel" / "__init__.py").write_text("")
        assert self.go.wait(30)
        if self.failure:
            raise self.failure
        return Fetched("6.31.0", self.compiled)


@pytest.fixture
def fetcher() -> LocalFetcher:
    return LocalFetcher()


@pytest.fixture
def store(tmp_path: Path, fetcher: LocalFetcher) -> RuntimeStore:
    return RuntimeStore(tmp_path / "v1", fetcher=fetcher)


def test_a_runtime_is_prepared_once(tmp_path: Path, store: RuntimeStore) -> None:
    made = store.prepare(TAG).result(30)
    assert made.folder == tmp_path / "v1" / str(TAG)
    assert (made.folder / "launch.py").read_text().startswith('"""Starts the kernel')
    again = LocalFetcher()
    other = RuntimeStore(tmp_path / "v1", fetcher=again)  # another process
    assert other.find(TAG) == other.prepare(TAG).result(30) == made
    assert again.count == 0
    assert [runtime.tag for runtime in other.list()] == [TAG]


def test_many_at_once_prepare_once(tmp_path: Path, fetcher: LocalFetcher) -> None:
    """Threads of one process share a future; processes wait for a lock."""
    fetcher.go.clear()
    stores = [RuntimeStore(tmp_path / "v1", fetcher=fetcher) for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(lambda s=s: s.prepare(TAG).result(30)) for s in stores for _ in "ab"]
        fetcher.go.set()
        wait(futures, timeout=30)
    assert len({future.result().folder for future in futures}) == 1
    assert fetcher.count == 1
    assert [path.name for path in (tmp_path / "v1").glob(".new-*")] == []


def test_a_failure_leaves_nothing_and_is_no_answer_for_ever(
    store: RuntimeStore, fetcher: LocalFetcher
) -> None:
    fetcher.failure = RuntimeUnavailableError("The package index did not answer.")
    with pytest.raises(RuntimeUnavailableError):
        store.prepare(TAG).result(30)
    assert store.find(TAG) is None
    assert store.list() == []
    fetcher.failure = None
    assert store.prepare(TAG).result(30).ipykernel == "6.31.0"


def test_what_a_crash_left_is_cleared_away(tmp_path: Path, store: RuntimeStore) -> None:
    (tmp_path / "v1" / f".new-{TAG}-crash" / str(TAG)).mkdir(parents=True)
    store.prepare(TAG).result(30)
    assert [p.name for p in (tmp_path / "v1").iterdir() if p.name.startswith(".new")] == []


def test_runtimes_of_an_administrator(tmp_path: Path, store: RuntimeStore) -> None:
    made = store.prepare(TAG).result(30)
    mine = RuntimeStore(tmp_path / "mine", shared=[tmp_path / "none", store.directory])
    assert mine.find(TAG) == made
    assert mine.list() == [made]
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"tag": "x", "image_id": null}'])
def test_a_damaged_runtime_is_none(store: RuntimeStore, text: str) -> None:
    folder = store.prepare(TAG).result(30).folder
    (folder / "runtime.json").write_text(text)
    assert store.find(TAG) is None


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = RuntimeStore(tmp_path / "file" / "v1", fetcher=LocalFetcher())
    with pytest.raises(InvalidRequestError, match="cannot be written"):
        store.prepare(TAG).result(30)


# --- compiled by an image -------------------------------------------------------------------------


class CompilingBackend(MemoryBackend):
    """Runs the container that compiles as a stranger would: it writes more than it should."""

    demo = False

    def __init__(self, failure: Exception | None = None) -> None:
        super().__init__()
        self.specs: list[ContainerSpec] = []
        self.failure = failure

    async def run(self, spec: ContainerSpec, *, timeout: float) -> tuple[int, str]:
        self.specs.append(spec)
        if self.failure:
            raise self.failure
        folder = Path(spec.mounts[0].source)
        (folder / "lib" / "ipykernel" / "__pycache__").mkdir()
        (folder / "lib" / "ipykernel" / "__pycache__" / "x.pyc").write_text("")
        (folder / "launch.py").write_text("print('mine')")
        (folder / "runtime.json").write_text("{}")
        return 1, ""


def runtimes(backend: MemoryBackend, store: RuntimeStore) -> KernelRuntimes:
    return KernelRuntimes(backend, store, Caller(1000, 1000, "ada"), "me")


async def test_an_image_compiles_for_itself_alone(
    store: RuntimeStore, fetcher: LocalFetcher
) -> None:
    fetcher.compiled = False
    backend = CompilingBackend()
    service = runtimes(backend, store)
    made = await service.prepare(TAG, python="/usr/bin/python3", image_id=IMAGE)
    assert (made.compiled, made.image_id) == (True, IMAGE)
    assert (made.folder / "launch.py").read_text().startswith('"""Starts the kernel')
    (spec,) = backend.specs
    assert (spec.network, spec.user, spec.gpus) == (Network.NONE, "1000:1000", ())
    assert spec.mounts == (Mount(spec.mounts[0].source, RUNTIME_FOLDER),)
    assert Path(spec.mounts[0].source).parent.name.startswith(".new-")
    assert spec.command[:4] == ("/usr/bin/python3", "-I", "-m", "compileall")
    # the one for everybody is as it was
    clean = store.find(TAG)
    assert clean is not None
    assert not clean.compiled
    assert list(clean.folder.glob("**/*.pyc")) == []
    assert await service.prepare(TAG, python="/usr/bin/python3", image_id=IMAGE) == made
    assert len(backend.specs) == 1


async def test_an_image_that_cannot_compile_is_no_obstacle(
    store: RuntimeStore, fetcher: LocalFetcher, caplog: pytest.LogCaptureFixture
) -> None:
    fetcher.compiled = False
    service = runtimes(CompilingBackend(KernelTimeoutError("It took too long.")), store)
    made = await service.prepare(TAG, python="/usr/bin/python3", image_id=IMAGE)
    assert made == store.find(TAG)
    assert "not compiled for aaaaaaaaaaaa" in caplog.text


# --- pip ------------------------------------------------------------------------------------------


def wheel(folder: Path, name: str, version: str, *needs: str, **files: str) -> None:
    """Write a wheel, by name of distribution and content of its files."""
    info = f"{name}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    content = {
        f"{name}.py": f"version = {version!r}",
        f"{name}-{version}.data/scripts/{name}": "#!python",
        f"{name}-{version}.data/purelib/{name}_more.py": "",
        f"{info}/METADATA": "\n".join([*lines, *(f"Requires-Dist: {need}" for need in needs), ""]),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **files,
    }
    content[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in content)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in content.items():
            archive.writestr(path, text)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels in place of the package index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_packages_are_those_of_the_other_python(index: Path, tmp_path: Path) -> None:
    """Markers are read for the image's Python, which is older than any that runs this program."""
    old, new = 'python_version < "3.10"', 'python_version >= "3.10"'
    wheel(index, "ipykernel", "6.31.0", "traitlets>=5", f"backport; {old}", f"newer; {new}")
    wheel(index, "ipykernel", "8.0")  # a line that nobody tried
    for name in ("traitlets", "backport"):
        wheel(index, name, "5.1")
    made = RuntimeStore(tmp_path / "v1").prepare(TAG).result(60)
    assert made.ipykernel == "6.31.0"
    assert sorted(path.name for path in made.folder.iterdir()) == [
        "deferred.py",
        "distributions.json",
        "keeper.py",
        "launch.py",
        "leaving.py",
        "lib",
        "preload.py",
        "quick_start.py",
        "runtime.json",
        "start.py",
        "traces.py",
    ]
    found = {path.stem for path in (made.folder / "lib").glob("*.py")}
    assert found == {
        f"{name}{more}" for name in ("ipykernel", "traitlets", "backport") for more in ("", "_more")
    }
    table = json.loads((made.folder / "distributions.json").read_text())
    assert table["ipykernel"]["requires"] == {"traitlets": ">=5", "backport": ""}
    assert table["ipykernel"]["modules"] == ["ipykernel"]
    assert table[""]["requires"] == {"ipykernel": "<8,>=6.29"}


def test_nothing_fits(index: Path, tmp_path: Path) -> None:
    wheel(index, "ipykernel", "4.10")
    with pytest.raises(RuntimeUnavailableError, match=r"Python 3\.9 \(glibc, amd64\)") as caught:
        RuntimeStore(tmp_path / "v1").prepare(TAG).result(60)
    assert "No matching distribution found" in caught.value.message
    assert "runtime prepare --python 3.9 --libc glibc --arch amd64" in caught.value.hint
    assert "runtime bundle FILE" in caught.value.hint


def test_an_index_that_does_not_answer(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://ada:secret@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(RuntimeUnavailableError, match="did not answer") as caught:
        RuntimeStore(tmp_path / "v1").prepare(TAG).result(60)
    assert "secret" not in str(caught.value)


# --- bundles --------------------------------------------------------------------------------------


def test_a_bundle_brings_runtimes_to_another_machine(tmp_path: Path, store: RuntimeStore) -> None:
    made = store.prepare(TAG).result(30)
    file = tmp_path / "kernels.tar.gz"
    assert write_bundle(store, file, []) == [made]
    elsewhere = RuntimeStore(tmp_path / "elsewhere")
    (loaded,) = load_bundle(elsewhere, file)
    assert loaded.folder == tmp_path / "elsewhere" / str(TAG)
    assert (loaded.ipykernel, loaded.compiled) == (made.ipykernel, made.compiled)
    assert (loaded.folder / "lib" / "ipykernel" / "__init__.py").is_file()
    assert load_bundle(elsewhere, file) == [loaded]
    assert [path.name for path in tmp_path.glob(".kernels*")] == []


def test_a_bundle_of_nothing(tmp_path: Path, store: RuntimeStore) -> None:
    with pytest.raises(NotFoundError, match="No kernel runtime is prepared"):
        write_bundle(store, tmp_path / "x", [])
    with pytest.raises(NotFoundError, match="cpython-39-glibc-amd64 is not prepared") as caught:
        write_bundle(store, tmp_path / "x", [TAG])
    assert "runtime prepare --python 3.9" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../evil", tarfile.REGTYPE),
        ("/etc/evil", tarfile.REGTYPE),
        (f"{TAG}/../../evil", tarfile.REGTYPE),
        (f"{TAG}/lib/link", tarfile.SYMTYPE),
        (f"{TAG}/lib/device", tarfile.CHRTYPE),
        ("something", tarfile.REGTYPE),
    ],
)
def test_a_bundle_is_not_trusted_with_paths(
    tmp_path: Path, store: RuntimeStore, name: str, kind: bytes
) -> None:
    file = tmp_path / "bad.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member, io.BytesIO())
    with pytest.raises(InvalidRequestError, match="not a bundle"):
        load_bundle(store, file)
    assert store.list() == []
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08"])
def test_a_file_that_is_no_bundle(tmp_path: Path, store: RuntimeStore, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InvalidRequestError):
        load_bundle(store, tmp_path / "x")


def test_programs_are_compiled_once(tmp_path: Path) -> None:
    """For the image's Python, where this machine has it; nothing is compared when they run."""
    store = RuntimeStore(tmp_path / "v2")
    folder = store.quick_start(sys.version_info[1])
    assert store.quick_start(sys.version_info[1]) == folder
    sources = {path.name for path in folder.glob("*.py")}
    assert "start.py" in sources
    for name in sources:
        code = Path(cache_from_source(str(folder / name))).read_bytes()
        assert code[:4] == MAGIC_NUMBER
        assert int.from_bytes(code[4:8], "little") == 1  # unchecked hash, PEP 552


def test_no_other_python_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may be a shim, which takes half a second to say that it is another one."""
    for minor in range(6, 21):
        shim = tmp_path / f"python3.{minor}"
        shim.write_text(
            f'#!/bin/sh\necho {minor} >> {tmp_path}/asked\nexec {sys.executable} "$@"\n'
        )
        shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    store = RuntimeStore(tmp_path / "v2")
    store.quick_start(sys.version_info[1])  # is this one
    assert not (tmp_path / "asked").exists()
    folder = store.quick_start(20)
    assert (tmp_path / "asked").read_text() == "20\n"
    assert not list(folder.rglob("*.pyc"))  # it is another one
    assert (folder / "start.py").is_file()
