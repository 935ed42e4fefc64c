"""What builders say, as steps and as errors; `recorded` holds what real ones said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jupyter_gpu_containers import errors
from jupyter_gpu_containers.backends.docker.build_words import BuildWords
from jupyter_gpu_containers.model import job as model
from jupyter_gpu_containers.model.job import Job, JobKind, Step

RECORDED = sorted(Path(__file__).with_name("recorded").glob("*.txt"))
DIGEST = "sha256:" + "ab" * 32
BUILDKIT = f"""\
#1 [internal] load remote build context
#1 DONE 0.0s

#2 copy /context /
#2 {DIGEST}
#2 DONE 0.2s

#3 [internal] load metadata for docker.io/library/debian:12
#3 DONE 1.0s

#4 [builder 1/2] FROM docker.io/library/debian:12@{DIGEST}
#4 {DIGEST} 0B / 54.92MB 0.1s
#4 {DIGEST} 20.00MB / 54.92MB 1.2s
#4 ...

#5 [stage-1 1/3] FROM docker.io/library/other:1
#5 CACHED

#4 [builder 1/2] FROM docker.io/library/debian:12@{DIGEST}
#4 {DIGEST} 54.92MB / 54.92MB 2.0s done
#4 extracting {DIGEST} 0.5s
#4 DONE 3.0s

#6 [stage-1 2/3] RUN pip install numpy
#6 0.718 \x1b[32mCollecting\x1b[0m\x07 numpy\x1b
#6 12.004   1.5 seconds later
"""
FAILS = {
    "docker 20.10": """\
#6 13.0 No matching distribution
#6 ERROR: executor failed running [/bin/sh -c pip install numpy]: exit code: 1
------
 > [stage-1 2/3] RUN pip install numpy:
------
executor failed running [/bin/sh -c pip install numpy]: exit code: 1
""",
    "buildx": """\
#6 13.0 No matching distribution
#6 ERROR: process "/bin/sh -c pip install numpy" did not complete successfully: exit code: 1
------
 > [stage-1 2/3] RUN pip install numpy:
13.0 No matching distribution
------
Dockerfile:9
--------------------
   9 | >>> RUN pip install numpy
--------------------
ERROR: failed to solve: process "/bin/sh -c pip install numpy" did not complete successfully: \
exit code: 1
""",
}


def read(text: str, words: BuildWords | None = None) -> tuple[BuildWords, list[Step]]:
    words = words or BuildWords("team/image:1")
    return words, [step for line in text.splitlines() for step in words.line(line.encode() + b"\n")]


def job_of(steps: list[Step]) -> Job:
    return model.told(Job("j", JobKind.BUILD, "team/image:1"), steps, 1.0)


def test_buildkit_is_read_step_by_step() -> None:
    _, steps = read(BUILDKIT)
    assert job_of(steps).log == (
        f"[builder 1/2] FROM docker.io/library/debian:12@{DIGEST}",
        "[1/3] FROM docker.io/library/other:1",
        "[1/3] cached",
        "[2/3] RUN pip install numpy",
        "Collecting numpy",
        "  1.5 seconds later",
    )
    job = job_of(steps)
    assert {step.id: step.done for step in job.steps if step.id} == {
        "builder 1/2": True,
        "ab" * 6: True,
        "1/3": True,
        "2/3": False,
    }
    assert job.current == 54_920_000


@pytest.mark.parametrize("client", FAILS)
def test_the_failing_step_of_buildkit(client: str) -> None:
    words, _ = read(BUILDKIT)
    read(FAILS[client], words)
    error = words.failure()
    assert isinstance(error, errors.BuildFailedError)
    assert error.message.splitlines() == [
        "Step [2/3] RUN pip install numpy failed: it ended with code 1.",
        "Collecting numpy",
        "  1.5 seconds later",
        "No matching distribution",
    ]


def classic(*lines: dict[str, object]) -> tuple[BuildWords, list[Step]]:
    words = BuildWords("team/image:1")
    return words, [step for line in lines for step in words.answer(line)]


def test_the_classic_builder_is_read_step_by_step() -> None:
    detail = {"current": 10, "total": 20}
    words, steps = classic(
        {"stream": "Step 1/2 : FROM debian:12"},
        {"stream": "\n"},
        {"status": "Downloading", "id": "abababababab", "progressDetail": detail},
        {"stream": " ---> 0123456789ab\n"},
        {"stream": "Step 2/2 : RUN make"},
        {"stream": "\n ---> Running in 0123456789ab\n"},
        {"stream": "one\ntwo\r\n"},
        {"stream": "\x1b[91mthree\n\x1b[0m"},
    )
    job = job_of(steps)
    assert job.log == ("[1/2] FROM debian:12", "[2/2] RUN make", "one", "two", "three")
    assert [(step.id, step.done) for step in job.steps] == [
        ("1/2", True),
        ("abababababab", False),
        ("2/2", False),
    ]
    error = words.failure("The command '/bin/sh -c make' returned a non-zero code: 2")
    assert error.message.splitlines()[0] == "Step [2/2] RUN make failed: it ended with code 2."
    assert error.message.splitlines()[-1] == "three"


def test_a_line_without_end_is_cut() -> None:
    _, steps = classic({"stream": "Step 1/1 : RUN x"}, {"stream": "x" * 100_000})
    assert len(job_of(steps).log[-1]) == 500
    _, steps = read("#1 [1/1] RUN x\n#1 0.1 " + "x" * 100_000)
    assert len(job_of(steps).log[-1]) <= 500


@pytest.mark.parametrize(
    ("said", "error", "says"),
    [
        ("failed to copy: write /x: no space left on device", errors.DiskFullError, "team/image:1"),
        (
            "Cannot connect to the Docker daemon at x.",
            errors.EngineUnreachableError,
            "No container",
        ),
        (
            "dockerfile parse error line 1: unknown instruction: FORM",
            errors.BuildFailedError,
            "FORM",
        ),
    ],
)
def test_other_ends(said: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        raise BuildWords("team/image:1").failure(said)


def test_what_needs_buildkit_says_so() -> None:
    said = "the --mount option requires BuildKit. Refer to the documentation"
    assert "buildx" in BuildWords("team/image:1").failure(said).hint


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("not found", errors.TagUnknownError),
        ("pull access denied, repository does not exist", errors.UnauthorizedError),
        ("dial tcp: lookup registry.invalid: no such host", errors.RegistryUnreachableError),
    ],
)
def test_a_base_that_cannot_be_had(said: str, error: type[Exception]) -> None:
    name = "registry.invalid/team/base:1"
    words, _ = read(f"#2 [internal] load metadata for {name}\n#2 ERROR: {name}: {said}\n")
    with pytest.raises(error, match=name):
        raise words.failure()
    words, _ = classic({"stream": f"Step 1/2 : FROM {name} AS one"})
    with pytest.raises(error, match=name):
        raise words.failure(said)


# --- recorded ---------------------------------------------------------------------------------


def recorded(path: Path, title: str) -> tuple[BuildWords, Job]:
    """Read one of the builds of a recording."""
    parts = re.split(r"^===== (.*)\n", path.read_text("utf-8"), flags=re.M)
    text = dict(zip(parts[1::2], parts[2::2], strict=True))[title]
    words, steps = read(text)
    return words, job_of(steps)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
class TestRecorded:
    def test_a_build(self, path: Path) -> None:
        job = recorded(path, "builds")[1]
        assert [line for line in job.log if line.startswith("line ")] == [
            f"line {number}" for number in (1, 2, 3)
        ]
        begun = [line for line in job.log if re.match(r"\[./4\] [A-Z]", line)]
        assert begun[-3:-1] == [
            "[2/4] COPY --from=one /etc/debian_version /x",
            "[3/4] WORKDIR /w",
        ]
        assert begun[-1].startswith('[4/4] RUN for i in 1 2 3; do echo "line $i"; sleep ')
        done = {step.id for step in job.steps if step.done and step.id}
        assert {"2/4", "3/4", "4/4"} <= done
        # neither what BuildKit does for itself, nor what it has looked up
        assert not [x for x in job.log if re.search("building with|resolve |internal|context", x)]

    def test_the_same_again(self, path: Path) -> None:
        job = recorded(path, "cached")[1]
        assert {"[2/4] cached", "[3/4] cached", "[4/4] cached"} <= set(job.log)
        assert all(step.done for step in job.steps if step.id and step.id != "one 1/2")

    def test_a_step_that_fails(self, path: Path) -> None:
        error = recorded(path, "step fails")[0].failure()
        assert error.message.splitlines() == [
            "Step [2/2] RUN echo about; exit 7 failed: it ended with code 7.",
            "about",
        ]

    def test_what_is_no_dockerfile(self, path: Path) -> None:
        error = recorded(path, "no Dockerfile")[0].failure()
        assert re.fullmatch(
            "The image team/image:1 could not be built: dockerfile parse error (on )?line 1: "
            r"unknown instruction: FORM( \(did you mean FROM\?\))?",
            error.message,
        )

    def test_a_base_that_nobody_has(self, path: Path) -> None:
        error = recorded(path, "no base")[0].failure()
        assert isinstance(error, errors.RegistryUnreachableError)
        assert "localhost:1/nothing:1" in error.message
