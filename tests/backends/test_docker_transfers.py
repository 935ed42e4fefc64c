"""Pulls and pushes of the real engine, from and to real registries and one on its bad days."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import queue
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from jupyter_gpu_containers import errors
from jupyter_gpu_containers.model.image.registry import Credential
from jupyter_gpu_containers.model.job import Job, JobKind, JobState, Step
from jupyter_gpu_containers.registries.client import RegistryClient
from jupyter_gpu_containers.registries.credentials import DockerCredentials
from jupyter_gpu_containers.runtime.facts import FileImageFacts
from jupyter_gpu_containers.service.image.images import Images
from jupyter_gpu_containers.service.image.jobs import Jobs
from jupyter_gpu_containers.service.image.transfers import Transfers
from tests.backends.conftest import TIMEOUT, Bench
from tests.registries import faults
from tests.registries.content import SAMPLES, image, noise
from tests.registries.faults import BLOBS, MANIFESTS, Fault, FaultProxy
from tests.registries.real import PASSWORD, USERNAME, RealRegistry

pytestmark = pytest.mark.engine

LOGIN = Credential(USERNAME, PASSWORD)
LARGE = SAMPLES["test/large:latest"]


class WatchedProxy(FaultProxy):
    """Tells when it is asked for a layer or configuration, and when it is done, in any way."""

    def __init__(self, upstream: str) -> None:
        self.begun: queue.Queue[str] = queue.Queue()
        self.ended: queue.Queue[str] = queue.Queue()
        super().__init__(upstream)

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        if "/blobs/" not in request.path:
            super().handle(request)
            return
        self.begun.put(request.path)
        try:
            super().handle(request)
        finally:
            self.ended.put(request.path)


@pytest.fixture
def proxy(plain_registry: RealRegistry) -> Iterator[WatchedProxy]:
    proxy = WatchedProxy(plain_registry.host)
    yield proxy
    proxy.close()


@pytest.fixture(autouse=True)
def no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Docker's own configuration is this test's own, and empty."""
    folder = tmp_path / "docker"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder


def jobs_of(bench: Bench, **options: float) -> Jobs:
    images = Images(bench.backend, FileImageFacts(bench.folder / "facts"), "me", "ada")
    credentials = DockerCredentials()
    transfers = Transfers(bench.backend, images, RegistryClient(credentials), credentials)
    return Jobs(transfers, **options)


async def finished(jobs: Jobs, kind: JobKind, reference: str) -> Job:
    job = jobs.submit(kind, reference)
    return await asyncio.wait_for(jobs.finished(job.id), TIMEOUT)


# -- bytes -------------------------------------------------------------------------------------


async def test_a_pull_tells_the_truth_about_its_bytes(docker: Bench, proxy: WatchedProxy) -> None:
    reference = f"{proxy.host}/test/large:latest"
    docker.names.append(reference)
    jobs = jobs_of(docker)
    states: list[Job] = []
    jobs.on_change(states.append)
    before = proxy.sent
    job = await finished(jobs, JobKind.PULL, reference)
    size = sum(len(blob.data) for blob in LARGE.layers)
    assert (job.state, job.error) == (JobState.SUCCEEDED, None)
    assert job.current == job.total == size
    assert job.image_id == LARGE.config.digest
    assert [step.total for step in job.steps if step.id] == [
        len(blob.data) for blob in LARGE.layers
    ]
    assert {state.total for state in states[2:]} == {size}
    assert [s.current for s in states] == sorted(s.current for s in states)
    assert proxy.sent - before >= size
    again = await finished(jobs, JobKind.PULL, reference)
    assert (again.state, again.current, again.total) == (JobState.SUCCEEDED, 0, 0)


async def test_a_pull_that_is_cut_off_is_resumed(docker: Bench, proxy: WatchedProxy) -> None:
    reference = f"{proxy.host}/test/large:latest"
    docker.names.append(reference)
    blob = LARGE.layers[0]
    proxy.add(Fault(BLOBS + blob.digest, cut=2_000_000, times=1))
    jobs = jobs_of(docker)
    states: list[Job] = []
    jobs.on_change(states.append)
    job = await finished(jobs, JobKind.PULL, reference)
    size = sum(len(blob.data) for blob in LARGE.layers)
    assert (job.state, job.current, job.total) == (JobState.SUCCEEDED, size, size)
    assert {state.total for state in states[2:]} == {size}
    assert any("Retrying" in step.status for state in states for step in state.steps)
    assert len(proxy.requests(blob.digest)) == 2
    assert proxy.sent < size + 1_500_000  # the first two megabytes came once


async def test_what_two_images_share_comes_once(
    docker: Bench, plain_registry: RealRegistry
) -> None:
    seed = uuid.uuid4().int & 0xFFFF
    lower, *upper = (noise(200_000, seed + n) for n in range(3))
    references = [
        plain_registry.put(f"shared/{seed}:{n}", image(layers=[lower, top]))
        for n, top in enumerate(upper)
    ]
    docker.names += references
    jobs = jobs_of(docker)
    totals = [(await finished(jobs, JobKind.PULL, reference)).total for reference in references]
    assert totals == [len(lower.data) + len(upper[0].data), len(upper[1].data)]


async def test_a_push_and_the_same_back(docker: Bench, basic_registry: RealRegistry) -> None:
    (Path(docker.folder) / "docker" / "config.json").write_text(config_of(basic_registry.host))
    source = basic_registry.reference("test/large:latest")
    target = basic_registry.reference(f"pushed/{uuid.uuid4().hex}:1")
    docker.names += [source, target]
    jobs = jobs_of(docker)
    pulled = await finished(jobs, JobKind.PULL, source)
    own = image(layers=[noise(400_000, uuid.uuid4().int & 0xFFFF)])  # nothing to be mounted from
    with local_image(docker, own.layers[0].data) as local:
        await docker.backend.tag(local, target)
        pushed = await finished(jobs, JobKind.PUSH, target)
    assert (pulled.state, pushed.state, pushed.error) == (
        JobState.SUCCEEDED,
        JobState.SUCCEEDED,
        None,
    )
    assert pushed.current == pushed.total
    assert pushed.current >= 400_000
    image_id = pushed.image_id
    await docker.backend.remove_image(target)
    back = await finished(jobs, JobKind.PULL, target)
    assert (back.state, back.image_id) == (JobState.SUCCEEDED, image_id)


@contextlib.contextmanager
def local_image(bench: Bench, layer: bytes) -> Iterator[str]:
    """Import a file system, as an image that no registry has seen."""
    import docker as sdk

    client = sdk.APIClient(bench.backend._url)  # type: ignore[attr-defined]
    name = bench.name()
    try:
        client.import_image_from_data(layer, *name.rsplit(":", 1))
        yield name
    finally:
        client.close()


# -- giving up ---------------------------------------------------------------------------------


async def test_cancel_ends_the_engines_connection(docker: Bench, proxy: WatchedProxy) -> None:
    reference = f"{proxy.host}/test/large:latest"
    docker.names.append(reference)
    layers = f"{BLOBS}({'|'.join(blob.digest for blob in LARGE.layers)})"
    held = proxy.add(Fault(layers, hold=100_000))
    jobs = jobs_of(docker)
    job = jobs.submit(JobKind.PULL, reference)
    blobs = [await asyncio.to_thread(proxy.begun.get, True, TIMEOUT) for _ in LARGE.blobs]
    assert await asyncio.to_thread(held.held.wait, TIMEOUT)
    cancelled = await asyncio.wait_for(jobs.cancel(job.id), TIMEOUT)
    assert cancelled.state is JobState.CANCELLED
    for _ in blobs:  # nothing was released: the engine has hung up
        await asyncio.to_thread(proxy.ended.get, True, TIMEOUT)
    assert proxy.sent < sum(len(blob.data) for blob in LARGE.layers)
    with pytest.raises(errors.ImageNotFoundError):
        await docker.backend.image(reference)


async def test_a_stalled_transfer_is_given_up(docker: Bench, proxy: WatchedProxy) -> None:
    proxy.add(Fault(BLOBS, hold=100_000))
    jobs = jobs_of(docker, stall_timeout=1.0, interval=0.05)
    job = await finished(jobs, JobKind.PULL, f"{proxy.host}/test/large:latest")
    assert job.error is not None
    assert job.error.code == "transfer_stalled"
    with pytest.raises(errors.ImageNotFoundError):
        await docker.backend.image(job.reference)


# -- refusals, by the engine alone: our own client is not asked ----------------------------------


@pytest.fixture
def unknown_image(docker: Bench, proxy: WatchedProxy, plain_registry: RealRegistry) -> str:
    """An image of this test's own: an engine does not ask again for a manifest that it knows."""
    seed = uuid.uuid4().int & 0xFFFF
    name = f"refused/{seed}:1"
    plain_registry.put(name, image(layers=[noise(1000, seed)]))
    docker.names.append(f"{proxy.host}/{name}")
    return docker.names[-1]


@pytest.mark.parametrize(
    ("fault", "expected", "words"),
    [
        (faults.unauthorized(MANIFESTS), errors.UnauthorizedError, "log in"),
        (faults.forbidden(MANIFESTS), errors.UnauthorizedError, "log in"),
        (faults.rate_limited(MANIFESTS), errors.RateLimitedError, "try again later"),
        (faults.unknown(MANIFESTS), errors.TagUnknownError, "name and the tag"),
        (faults.broken(MANIFESTS), errors.RegistryError, ""),
        (faults.broken(MANIFESTS, status=403), errors.ForbiddenError, "no access"),
        (Fault(BLOBS, corrupt=True), errors.RegistryError, "not the image's own"),
    ],
    ids=["401", "403 denied", "429", "404", "500", "403", "damaged"],
)
async def test_refusals_are_told_apart(
    docker: Bench,
    proxy: WatchedProxy,
    unknown_image: str,
    fault: Fault,
    expected: type[errors.RegistryError],
    words: str,
) -> None:
    proxy.add(fault)
    with pytest.raises(errors.RegistryError) as caught:
        await docker.backend.pull(unknown_image)
    assert type(caught.value) is expected
    assert words in caught.value.hint


async def test_denied_in_spite_of_a_login_is_forbidden(
    docker: Bench, proxy: WatchedProxy, unknown_image: str
) -> None:
    proxy.add(faults.forbidden(MANIFESTS))
    with pytest.raises(errors.ForbiddenError):
        await docker.backend.pull(unknown_image, credential=LOGIN)


async def test_an_unknown_tag_and_other_processors(
    docker: Bench, plain_registry: RealRegistry
) -> None:
    with pytest.raises(errors.TagUnknownError):
        await docker.backend.pull(plain_registry.reference("test/single:nope"))
    with pytest.raises(errors.WrongArchitectureError):
        await docker.backend.pull(plain_registry.reference("test/elsewhere:s390x"))


async def test_no_such_host(docker: Bench) -> None:
    with pytest.raises(errors.RegistryUnreachableError):
        await docker.backend.pull("registry.invalid/some/image:1")


# -- logins ------------------------------------------------------------------------------------


def config_of(host: str) -> str:
    auth = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
    return json.dumps({"auths": {host: {"auth": auth}}})


@pytest.mark.parametrize("kind", ["basic_registry", "token_registry"])
async def test_a_login_opens_and_is_never_told(
    docker: Bench,
    kind: str,
    no_login: Path,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    registry: RealRegistry = request.getfixturevalue(kind)
    reference = registry.reference("private/single:latest")
    docker.names.append(reference)
    steps: list[Step] = []
    said: list[str] = []
    wrong = Credential(USERNAME, "not that one")
    for credential in (None, wrong):
        with pytest.raises((errors.UnauthorizedError, errors.ForbiddenError)) as caught:
            await docker.backend.pull(reference, credential=credential)
        said.append(str(caught.value))
    await docker.backend.pull(reference, credential=LOGIN, progress=steps.append)
    await docker.backend.remove_image(reference)
    (no_login / "config.json").write_text(config_of(registry.host))
    await docker.backend.pull(reference)  # with the login of Docker's own configuration
    (no_login / "config.json").write_text("{}")
    with pytest.raises((errors.UnauthorizedError, errors.ForbiddenError)):  # it is not remembered
        await docker.backend.push(reference)
    told = caplog.text + repr(steps) + repr(said)
    assert PASSWORD not in told
    assert "not that one" not in told
