"""Builds of the real engine, by BuildKit and by the classic builder, and what comes of them."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import select
import subprocess
import tarfile
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pip
import pytest

from jupyter_gpu_containers import errors
from jupyter_gpu_containers.backends.docker.build import buildkit_program
from jupyter_gpu_containers.model.image.build import BuildRequest, make_plan
from jupyter_gpu_containers.model.job import Step
from jupyter_gpu_containers.model.kernel.container import ContainerSpec
from tests.backends.conftest import TIMEOUT, Bench
from tests.conftest import IMAGES

pytestmark = pytest.mark.engine

LIMIT = 64 << 20
ENDED = 10.0  # seconds in which a process of a cancelled build must be gone


@pytest.fixture(params=["buildkit", "classic"])
def builder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Either builder in turn; without a docker CLI there is only the classic one."""
    if request.param == "classic":
        monkeypatch.setenv("PATH", "/nonexistent")
    assert (buildkit_program() is None) == (request.param == "classic")
    return str(request.param)


@pytest.fixture(autouse=True)
def no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker's own configuration is this test's own, and empty."""
    (tmp_path / "docker").mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


class Site:
    """A folder that is built, and what the builder told."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.folder = bench.folder / "site"
        self.folder.mkdir()
        self.steps: list[Step] = []

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    async def build(self, **fields: object) -> str:
        """Build the folder, or what is given; return the image's name."""
        tag = self.bench.name()
        if not fields:
            fields = {"folder": ""}
        secrets = fields.pop("secrets", {})
        request = BuildRequest(tag, secrets=secrets, **fields)  # type: ignore[arg-type]
        folder = str(self.folder) if request.folder is not None else None
        plan = make_plan(request, folder, LIMIT)
        await asyncio.wait_for(self.bench.backend.build(plan, progress=self.steps.append), TIMEOUT)
        return tag

    @property
    def log(self) -> list[str]:
        return [line for step in self.steps for line in step.text]

    async def output(self, image: str, *command: str) -> str:
        found = await self.bench.backend.image(image)
        spec = await self.bench.spec(*command, image=found.id)
        return await self._run(spec)

    async def _run(self, spec: ContainerSpec) -> str:
        code, output = await self.bench.backend.run(spec, timeout=TIMEOUT)
        assert code == 0, output
        return output


@pytest.fixture
def site(docker: Bench) -> Site:
    return Site(docker)


def once() -> str:
    """Return a text that no cache has seen."""
    return uuid.uuid4().hex


def from_base(*steps: str) -> str:
    return "\n".join([f"FROM {IMAGES.debian12}", *steps, ""])


def test_which_docker_cli_speaks_to_buildkit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one of 20.10 cannot send a context to an engine with containerd's image store."""
    versions = {"old": "20.10.24", "bare": "28.2.2", "new": "28.5.2"}
    for name, version in versions.items():
        program = tmp_path / name / "docker"
        program.parent.mkdir()
        program.write_text(
            f"#!/bin/sh\n[ $1 = --version ] && echo 'Docker version {version}, build 1' && exit\n"
            f"[ {name} = new ] && echo github.com/docker/buildx 0.29.1\n"
        )
        program.chmod(0o755)

    def found(*names: str, plugin: bool = False) -> str | None:
        monkeypatch.setenv("PATH", ":".join(str(tmp_path / name) for name in names))
        program = buildkit_program(plugin=plugin)
        return None if program is None else Path(program).parent.name

    assert found("bare", "old", "new") == "old"
    assert found("bare", "old", "new", plugin=True) == "new"
    assert found("bare") is None
    assert found("old", plugin=True) is None


async def test_a_folder_is_built_step_by_step(builder: str, site: Site) -> None:
    word = once()
    site.write("Dockerfile", from_base("COPY . /ctx", f"RUN echo one; echo {word}"))
    site.write("kept/file", word)
    site.write("kept/left-out.bin", "x" * 100_000)
    site.write("data/huge", "x" * 100_000)
    site.write("data/wanted", "y")
    site.write(".dockerignore", "# large\n**/*.bin\ndata\n!data/wanted\n")
    (site.folder / "link").symlink_to("/etc/passwd")
    tag = await site.build()
    found = await site.output(tag, "find", "/ctx/kept", "/ctx/data", "-type", "f")
    assert sorted(found.split()) == ["/ctx/data/wanted", "/ctx/kept/file"]
    assert (await site.output(tag, "cat", "/ctx/kept/file")) == word
    assert (await site.output(tag, "readlink", "/ctx/link")).strip() == "/etc/passwd"
    about = site.log[0]
    assert about.startswith("Context: 5 files, ")
    assert about.endswith(" B")
    begun = [line.partition(" ")[0] for line in site.log if line.startswith("[")]
    assert list(dict.fromkeys(begun)) == ["[1/3]", "[2/3]", "[3/3]"]
    last = [step for step in site.steps if step.id == "3/3"]
    assert [line for step in last for line in step.text][-2:] == ["one", word]
    image = await site.bench.backend.image(tag)
    assert image.labels == (await site.bench.backend.image(IMAGES.debian12)).labels


async def test_a_failing_step_is_told_with_its_last_lines(builder: str, site: Site) -> None:
    word = once()
    text = from_base(f"RUN seq 1000; echo {word}; exit 7", "RUN false")
    with pytest.raises(errors.BuildFailedError) as caught:
        await site.build(dockerfile=text)
    sentence, *lines = caught.value.message.splitlines()
    assert sentence.startswith("Step [2/3] RUN seq 1000;")
    assert sentence.endswith(" failed: it ended with code 7.")
    assert {"1000", word} <= set(lines)
    assert len(lines) <= 12
    with pytest.raises(errors.ImageNotFoundError):
        await site.bench.backend.image(site.bench.names[-1])


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("FORM scratch\n", errors.BuildFailedError, "unknown instruction: FORM"),
        ("FROM localhost:1/nothing:1\n", errors.RegistryUnreachableError, "localhost:1/nothing:1"),
        (from_base("COPY nothing /"), errors.BuildFailedError, "nothing"),
        (from_base("RUN --security=insecure true"), errors.BuildFailedError, "security"),
    ],
)
async def test_what_cannot_be_built(
    builder: str, site: Site, text: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        await site.build(dockerfile=text)


def processes(word: str) -> list[int]:
    """Return the process ids of this machine whose command line has the word."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:
            continue  # gone meanwhile
    return found


async def test_cancelling_stops_the_engine_s_work(builder: str, site: Site) -> None:
    word = once()
    text = from_base(f'RUN ["sh", "-c", "echo begun; sleep 600; true", "{word}"]')
    began = asyncio.Event()
    loop = asyncio.get_running_loop()
    plan = make_plan(BuildRequest(site.bench.name(), dockerfile=text), None, LIMIT)

    def look(step: Step) -> None:
        if "begun" in step.text:
            loop.call_soon_threadsafe(began.set)

    building = asyncio.ensure_future(site.bench.backend.build(plan, progress=look))
    await asyncio.wait_for(began.wait(), TIMEOUT)
    at_work = processes(word)
    assert at_work
    descriptors = [os.pidfd_open(pid) for pid in at_work]
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    for descriptor in descriptors:
        ended, _, _ = await asyncio.to_thread(select.select, [descriptor], [], [], ENDED)
        os.close(descriptor)
        assert ended, "the step goes on"
    with pytest.raises(errors.ImageNotFoundError):
        await site.bench.backend.image(plan.tag)


# -- secrets -----------------------------------------------------------------------------------


def docker(*words: str) -> bytes:
    return subprocess.run(["docker", *words], capture_output=True, check=True).stdout


def contents(archive: bytes) -> Iterator[bytes]:
    """Yield the files of a `docker save`, and those of the layers in it."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as outer:
        for member in outer:
            if (file := outer.extractfile(member)) is None:
                continue
            data = file.read()
            yield data
            with (
                contextlib.suppress(tarfile.ReadError),
                tarfile.open(fileobj=io.BytesIO(data)) as layer,
            ):
                yield from (inner.read() for one in layer if (inner := layer.extractfile(one)))


async def test_a_secret_is_seen_by_its_step_and_nowhere_else(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = f"hunter2-{once()}"
    text = from_base(
        f"RUN --mount=type=secret,id=token echo {once()}; wc -c < /run/secrets/token > /length"
    )
    text += "FROM scratch\nCOPY --from=0 /length /length\nCOPY --from=0 /run /run\n"
    said = site.bench.folder / "said"
    wrapper = site.bench.folder / "bin" / "docker"
    wrapper.parent.mkdir()
    real = buildkit_program()
    wrapper.write_text(
        f'#!/bin/sh\necho "$@" >> {said}\ncat /proc/$$/environ >> {said}\nexec {real} "$@"\n'
    )
    wrapper.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
        tag = await site.build(dockerfile=text, secrets={"token": secret.encode()})
    assert b"--secret=id=token,src=/proc/" in said.read_bytes()
    found = list(contents(docker("save", tag)))
    assert f"{len(secret)}\n".encode() in found
    told = [docker("history", "--no-trunc", tag), docker("inspect", tag), said.read_bytes()]
    assert not [data for data in found + told if secret.encode() in data]
    assert secret not in "".join(site.log)


def test_a_secret_is_not_shown() -> None:
    request = BuildRequest("a:1", dockerfile="FROM x\n", secrets={"token": b"hunter2"})
    assert "hunter2" not in repr(request) + repr(make_plan(request, None, LIMIT))


async def test_without_buildkit_a_secret_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(errors.InvalidRequestError, match="needs BuildKit") as caught:
        await site.build(dockerfile=from_base("RUN true"), secrets={"token": b"hunter2"})
    assert caught.value.error_code == "buildkit_missing"
    assert not site.steps


# -- requirements.txt and environment.yml ------------------------------------------------------


def pip_files(site: Site) -> None:
    """Put pip, as this Python has it, and a package into the folder."""
    source = Path(pip.__file__).parent
    for path in source.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            target = site.folder / "pip" / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as archive:
        about = "tiny-1.0.dist-info"
        archive.writestr("tiny.py", "ANSWER = 42\n")
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    (site.folder / "wheels").mkdir()
    (site.folder / "wheels" / "tiny-1.0-py3-none-any.whl").write_bytes(wheel.getvalue())


async def test_requirements_on_a_base(site: Site) -> None:
    pip_files(site)
    packages = "/usr/lib/python3/dist-packages"
    site.write("Dockerfile", from_base(f"COPY pip {packages}/pip", "COPY wheels /wheels"))
    base = await site.build()
    wanted = "--no-index\n--find-links /wheels\ntiny == 1.0\n"
    tag = await site.build(requirements=wanted, base=base)
    # as a kernel runs: as somebody else than who installed it
    code = "import tiny, numpy; print(tiny.ANSWER)"
    assert await site.output(tag, "python3", "-c", code) == "42\n"
    with pytest.raises(errors.BuildFailedError, match="No matching distribution found for absent"):
        await site.build(requirements="--no-index\nabsent\n", base=base)


async def test_a_base_without_pip_is_said_as_such(site: Site) -> None:
    with pytest.raises(errors.BuildFailedError, match="/usr/bin/python3 has no pip"):
        await site.build(requirements="numpy\n", base=IMAGES.debian12)


async def test_an_environment_is_given_to_the_base_s_conda(site: Site) -> None:
    script = '#!/bin/sh\necho "$0 $*" >> /called\ncat /tmp/build/environment.yml >> /called\n'
    site.write("micromamba", script)
    (site.folder / "micromamba").chmod(0o755)
    site.write("Dockerfile", from_base("COPY micromamba /usr/local/bin/"))
    base = await site.build()
    wanted = f"dependencies:\n  - {once()}\n"
    tag = await site.build(environment=wanted, base=base)
    called = "/usr/local/bin/micromamba"
    assert (await site.output(tag, "cat", "/called")) == (
        f"{called} install --yes --name base --file /tmp/build/environment.yml\n{wanted}"
        f"{called} clean --all --yes\n{wanted}"
    )
    with pytest.raises(errors.BuildFailedError, match="neither micromamba nor mamba nor conda"):
        await site.build(environment=wanted, base=IMAGES.debian12)
