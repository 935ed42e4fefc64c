"""What docker-py, requests and engines say, in this product's words."""

from __future__ import annotations

import inspect
import json
from types import ModuleType

import docker.errors
import pytest
import requests
import requests.exceptions
import urllib3.exceptions

from jupyter_gpu_containers import errors
from jupyter_gpu_containers.backends.docker.errors import (
    TRANSLATIONS,
    translate,
    translated,
)
from jupyter_gpu_containers.backends.docker.images import in_use
from jupyter_gpu_containers.backends.docker.refusals import pull_error, push_error
from jupyter_gpu_containers.backends.docker.words import engine_said


def exceptions_of(module: ModuleType) -> list[type[BaseException]]:
    return [
        cls
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, Exception)
        and cls.__module__ == module.__name__
        and not issubclass(cls, Warning)
    ]


@pytest.mark.parametrize(
    "cls",
    [*exceptions_of(docker.errors), *exceptions_of(requests.exceptions)],
    ids=lambda cls: f"{cls.__module__}.{cls.__name__}",
)
def test_every_exception_of_the_client_is_considered(cls: type[BaseException]) -> None:
    assert cls in TRANSLATIONS


def api_error(status: int, explanation: str) -> docker.errors.APIError:
    response = requests.Response()
    response.status_code = status
    return docker.errors.APIError("failed", response=response, explanation=explanation)


def wrapped(cause: BaseException) -> docker.errors.DockerException:
    """As docker-py says that it could not ask for the engine's version."""
    try:
        try:
            raise requests.exceptions.ConnectionError(
                urllib3.exceptions.ProtocolError("Connection aborted.", cause)
            )
        except requests.exceptions.ConnectionError as exc:
            raise docker.errors.DockerException(f"Error while fetching: {exc}") from exc
    except docker.errors.DockerException as exc:
        return exc


@pytest.mark.parametrize(
    ("foreign", "expected"),
    [
        (wrapped(PermissionError(13, "Permission denied")), errors.EnginePermissionError),
        (wrapped(FileNotFoundError(2, "No such file")), errors.EngineUnreachableError),
        (wrapped(ConnectionRefusedError(111, "Refused")), errors.EngineUnreachableError),
        (requests.exceptions.ReadTimeout(), errors.EngineUnreachableError),
        (requests.exceptions.ChunkedEncodingError(), errors.EngineUnreachableError),
        (requests.exceptions.JSONDecodeError("no", "", 0), errors.EngineError),
        (urllib3.exceptions.ReadTimeoutError(None, "", ""), errors.EngineUnreachableError),  # type: ignore[arg-type]
        (ConnectionResetError(), errors.EngineUnreachableError),
        (requests.exceptions.InvalidURL("x"), errors.EngineUnreachableError),
        (docker.errors.TLSParameterError("x"), errors.EngineUnreachableError),
        (docker.errors.InvalidVersion("too old"), errors.EngineError),
        (api_error(500, "server misbehaving"), errors.EngineError),
        (api_error(409, "conflict"), errors.EngineError),
        (api_error(404, "No such image: nothing:1"), errors.ImageNotFoundError),
        (api_error(404, "No such container: 0000"), errors.ContainerNotFoundError),
        (
            api_error(404, 'no container with name or ID "0000" found: no such container'),
            errors.ContainerNotFoundError,  # Podman
        ),
    ],
    ids=repr,
)
def test_foreign_exception(foreign: BaseException, expected: type[BaseException]) -> None:
    assert type(translate(foreign, "subject")) is expected


@pytest.mark.parametrize(
    "bug", [docker.errors.NullResource("x"), docker.errors.InvalidArgument("x"), KeyError("Id")]
)
def test_our_own_mistakes_keep_their_type(bug: Exception) -> None:
    with pytest.raises(type(bug)) as caught, translated():
        raise bug
    assert caught.value is bug


@pytest.mark.parametrize("status", [0, 400, 409, 500, 503])
def test_words_that_nobody_knows_come_with_a_hint(status: int) -> None:
    error = engine_said("a word never heard before", status)
    assert "a word never heard before" in error.message
    assert error.hint


def test_an_answer_that_is_cut_short_comes_with_a_hint() -> None:
    error = translate(json.JSONDecodeError("Expecting value", '{"Id": ', 7))
    assert isinstance(error, errors.EngineError)
    assert "cannot be used" in error.message
    assert error.hint


def test_permission_error_holds_the_fix() -> None:
    error = translate(wrapped(PermissionError(13, "Permission denied")))
    assert error is not None
    assert 'sudo usermod -aG docker "$USER"' in error.hint


# Texts as engines said them: Docker 20.10.24 and 26.1.5, Podman 4.3.1.
RUNC = "failed to create shim task: OCI runtime create failed: runc create failed: "
HOOK = RUNC + (
    "unable to start container process: error during container init: error running hook #0: error "
    "running hook: exit status 1, stdout: , stderr: nvidia-container-cli: "
)


@pytest.mark.parametrize(
    ("said", "expected", "words"),
    [
        (
            "failed to create shim task: mkdir /var/lib/docker/overlay2/x: no space left on device",
            errors.DiskFullError,
            "The container engine's disk is full",
        ),
        (
            HOOK
            + "device error: GPU-00000000-0000-0000-0000-000000000000: unknown device: unknown",
            errors.GpuVanishedError,
            "GPU-00000000",
        ),
        (
            'CDI device injection failed: unresolvable CDI devices nvidia.com/gpu="GPU-1"',
            errors.GpuVanishedError,
            "nvidia.com/gpu",
        ),
        (
            'could not select device driver "nvidia" with capabilities: [[gpu compute utility]]',
            errors.EngineError,
            "cannot give GPUs",
        ),
        (
            'could not select device driver "cdi" with capabilities: []',
            errors.EngineError,
            "cannot give GPUs",
        ),
        (
            HOOK + "requirement error: unsatisfied condition: cuda>=13.0, please update your "
            "driver to a newer version, or use an earlier cuda container: unknown",
            errors.EngineError,
            "cuda>=13.0",
        ),
        (
            HOOK + "initialization error: nvml error: driver not loaded: unknown",
            errors.EngineError,
            "driver not loaded",
        ),
        (
            HOOK + "initialization error: nvml error: driver/library version mismatch: unknown",
            errors.EngineError,
            "mismatch",
        ),
        (
            RUNC + 'unable to start container process: exec: "nope": executable file not found in '
            "$PATH: unknown",
            errors.KernelExitedError,
            '"nope"',
        ),
        (
            RUNC + 'exec: "/bin/file": permission denied: unknown',
            errors.KernelExitedError,
            "/bin/file",
        ),
        (
            'invalid mount config for type "bind": bind source path does not exist: /data/set',
            errors.WorkspaceError,
            "/data/set",
        ),
        ("statfs /data/set: no such file or directory", errors.WorkspaceError, "/data/set"),
        ("something new", errors.EngineError, "something new"),
    ],
)
def test_words_of_the_engine(said: str, expected: type[BaseException], words: str) -> None:
    error = engine_said(said, 500)
    assert type(error) is expected
    assert words in error.message


@pytest.mark.parametrize(
    ("said", "expected", "hint"),
    [
        (
            "pull access denied for secret/image, repository does not exist or may require login",
            errors.UnauthorizedError,
            "docker login",
        ),
        ("unauthorized: authentication required", errors.UnauthorizedError, "docker login"),
        (
            "manifest for library/debian:nope not found: manifest unknown: manifest unknown",
            errors.TagUnknownError,
            "Check the name and the tag",
        ),
        (
            'Get "https://r.example/v2/": dial tcp: lookup r.example on 9.9.9.9:53: no such host',
            errors.RegistryUnreachableError,
            "cannot be reached",
        ),
        (
            'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
            errors.RegistryUnreachableError,
            "cannot be reached",
        ),
        (
            "toomanyrequests: You have reached your pull rate limit.",
            errors.RateLimitedError,
            "limits",
        ),
        ("write /var/lib/docker/tmp/x: no space left on device", errors.DiskFullError, "room"),
        (
            "no matching manifest for linux/amd64 in the manifest list entries",
            errors.WrongArchitectureError,
            "another image",
        ),
    ],
)
def test_words_of_a_registry(said: str, expected: type[BaseException], hint: str) -> None:
    error = pull_error("some/image:1", said)
    assert type(error) is expected
    assert hint in error.hint
    assert "some/image:1" in error.message
    assert said in error.message


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("An image does not exist locally with the tag: some/image", errors.ImageNotFoundError),
        ("tag does not exist: some/image:1", errors.ImageNotFoundError),
        ("denied: requested access to the resource is denied", errors.UnauthorizedError),
        ("no basic auth credentials", errors.UnauthorizedError),
        ("error parsing HTTP 403 response body: <html>oops</html>", errors.ForbiddenError),
        ("received unexpected HTTP status: 500 Internal Server Error", errors.RegistryError),
        ("unexpected EOF", errors.RegistryUnreachableError),
        ("filesystem layer verification failed for digest sha256:0", errors.RegistryError),
        ("write tcp 10.0.0.1:5: broken pipe", errors.RegistryUnreachableError),
        ("x509: certificate signed by unknown authority", errors.RegistryUnreachableError),
        ("http: server gave HTTP response to HTTPS client", errors.RegistryUnreachableError),
        ("something new", errors.RegistryError),
    ],
)
def test_words_of_a_push(said: str, expected: type[BaseException]) -> None:
    assert type(push_error("some/image:1", said)) is expected


def test_denied_with_a_login_is_forbidden() -> None:
    said = "pull access denied for some/image, repository does not exist or may require a login"
    assert type(pull_error("some/image:1", said)) is errors.UnauthorizedError
    assert type(pull_error("some/image:1", said, logged_in=True)) is errors.ForbiddenError
    wrong = "unauthorized: incorrect username or password"
    assert type(pull_error("some/image:1", wrong, logged_in=True)) is errors.UnauthorizedError


@pytest.mark.parametrize(
    ("said", "why", "hint"),
    [
        (
            (
                'conflict: unable to remove repository reference "a:1" (must force) - container '
                "0123456789ab is using its referenced image ba9876543210"
            ),
            "the container 0123456789ab uses it",
            "Remove the container first, or force the removal.",
        ),
        (
            (
                "conflict: unable to delete ba9876543210 (cannot be forced) - image is being used "
                "by running container 0123456789ab"
            ),
            "the running container 0123456789ab uses it",
            "Remove the container first.",
        ),
        (
            (
                "conflict: unable to delete ba9876543210 (must be forced) - image is referenced in "
                "multiple repositories"
            ),
            "it has several names",
            "Remove it by each of them, or force the removal.",
        ),
        (
            (
                "conflict: unable to delete ba9876543210 (cannot be forced) - image has dependent "
                "child images"
            ),
            "image has dependent child images",
            "Remove first what needs it.",
        ),
    ],
)
def test_words_about_an_image_in_use(said: str, why: str, hint: str) -> None:
    error = in_use("a:1", said)
    assert error.message.startswith("The image a:1 is not removed: ")
    assert error.message.endswith(f"{why}.")
    assert error.hint == hint
