"""Which kernel runtime fits a Python, and what is asked of the package index for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.kernel.runtime import (
    LIBCS,
    MACHINES,
    RUNTIME_FOLDER,
    RuntimeTag,
    quick_argv,
)

tags = st.builds(
    RuntimeTag, st.integers(6, 99), st.sampled_from(LIBCS), st.sampled_from(sorted(MACHINES))
)


@given(tags)
def test_a_name_means_its_tag(tag: RuntimeTag) -> None:
    assert RuntimeTag.parse(str(tag)) == tag
    assert RuntimeTag.make(f"{tag.python}.4", tag.libc, tag.arch) == tag


@given(st.text(max_size=40) | st.from_regex(r"cpython-\d{1,4}-[a-z]+-[a-z0-9]+"))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        tag = RuntimeTag.parse(text)
    except InvalidRequestError:
        return
    assert str(tag) == text


@pytest.mark.parametrize(
    ("python", "libc", "arch"),
    [
        ("2.7", "glibc", "amd64"),
        ("3.5.3", "glibc", "amd64"),
        ("3", "glibc", "amd64"),
        ("3.11; x", "glibc", "amd64"),
        ("3.11", "uclibc", "amd64"),
        ("3.11", "glibc", "s390x"),
        ("3.11", "../x", "amd64"),
    ],
)
def test_nothing_is_made_for_others(python: str, libc: str, arch: str) -> None:
    with pytest.raises(InvalidRequestError):
        RuntimeTag.make(python, libc, arch)


@pytest.mark.parametrize(
    ("python", "requirement"),
    [
        ("3.6", "ipykernel>=5.5.6,<6"),
        ("3.7", "ipykernel>=6.16,<6.17"),
        ("3.8", "ipykernel>=6.29,<6.30"),
        ("3.9", "ipykernel>=6.29,<8"),
        ("3.14", "ipykernel>=6.29,<8"),
    ],
)
def test_the_last_ipykernel_for_a_python(python: str, requirement: str) -> None:
    assert RuntimeTag.make(python, "glibc", "amd64").requirement == requirement


def test_wheels_that_fit() -> None:
    old = RuntimeTag.make("3.7", "glibc", "amd64")
    assert old.abis == ("cp37m", "abi3", "none")
    assert old.platforms == (
        "manylinux_2_17_x86_64",
        "manylinux2014_x86_64",
        "manylinux_2_12_x86_64",
        "manylinux2010_x86_64",
        "manylinux_2_5_x86_64",
        "manylinux1_x86_64",
    )
    new = RuntimeTag.make("3.14", "glibc", "arm64")
    assert new.abis[0] == "cp314"
    assert new.platforms[0] == "manylinux_2_28_aarch64"
    musl = RuntimeTag.make("3.12", "musl", "arm64")
    assert musl.platforms == tuple(f"musllinux_{v}_aarch64" for v in ("1_2", "1_1", "1_0"))


def test_the_command_in_the_container() -> None:
    launcher = "/opt/jupyter-gpu-containers/runtime/launch.py"
    old = RuntimeTag.make("3.6", "glibc", "amd64")
    assert old.argv("/usr/bin/python3") == ("/usr/bin/python3", launcher, "-f", "{connection_file}")
    assert not old.debugger
    new = RuntimeTag.make("3.11", "glibc", "amd64")
    assert new.argv("/p") == ("/p", launcher, "-f", "{connection_file}")
    assert new.debugger


@pytest.mark.parametrize(
    ("python", "libc", "limits"),
    [
        ("3.11", "musl", ("pyzmq<27",)),
        ("3.13", "musl", ("pyzmq<27",)),
        ("3.14", "musl", ()),  # there is no older one for it
        ("3.11", "glibc", ()),
    ],
)
def test_packages_that_an_old_musl_cannot_load(
    python: str, libc: str, limits: tuple[str, ...]
) -> None:
    assert RuntimeTag.make(python, libc, "amd64").limits == limits


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ("python3 -m ipykernel_launcher -f {f}", "python3 QUICK -f {f}"),
        (
            "/opt/conda/bin/python -s -Xfrozen_modules=off -m ipykernel_launcher -f {f} --quiet",
            "/opt/conda/bin/python -s -Xfrozen_modules=off QUICK -f {f} --quiet",
        ),
        ("python3 -m ipykernel -f {f}", None),  # leaves the present folder where it is
        ("python3 -m xpython_launcher -f {f}", None),
        ("python3 -c import\tos -m ipykernel_launcher", None),
        ("python3 -W ignore -m ipykernel_launcher -f {f}", None),
        ("R --slave -e IRkernel::main() --args {f}", None),
        ("python3 -m", None),
        ("python3", None),
    ],
)
def test_only_an_ipykernel_is_started_quickly(argv: str, expected: str | None) -> None:
    quick = expected and expected.replace("QUICK", f"{RUNTIME_FOLDER}/start.py")
    assert quick_argv(tuple(argv.split(" "))) == (quick and tuple(quick.split(" ")))
