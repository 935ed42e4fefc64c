"""The program that starts a carried kernel: what it leaves to the image, and what it does not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from jupyter_gpu_containers.runtime.carried_fetch import install_launcher
from jupyter_gpu_containers.runtime.carried_launcher import conflicts, fits, installed

CPP = "libstdc++6 (Debian, Ubuntu) or libstdc++ (others)"
LACKS, NEEDED = "this image has no", "which the kernel needs"
REPLACED = "does not fit the kernel, which uses its own"
TABLE: dict[str, dict[str, object]] = {
    "": {"modules": [], "requires": {"ipykernel": ">=6"}},
    "ipykernel": {
        "modules": ["ipykernel"],
        "requires": {"traitlets": ">=5.4,!=5.5", "jedi": ">=0.16"},
    },
    "traitlets": {"modules": ["traitlets"], "requires": {}},
    "jedi": {"modules": ["jedi"], "requires": {"parso": ">=0.8,<0.9"}},
    "parso": {"modules": ["parso"], "requires": {}},
}

versions = st.lists(st.integers(0, 12), min_size=1, max_size=4).map(
    lambda parts: ".".join(map(str, parts))
)
clauses = st.builds(
    "{}{}".format, st.sampled_from(["==", "!=", "<", ">", "<=", ">="]), versions
) | st.builds("~={}.{}".format, st.integers(0, 12), versions)
wildcards = st.builds("{}{}.*".format, st.sampled_from(["==", "!="]), versions)


@given(versions, st.lists(clauses | wildcards, max_size=3).map(",".join))
def test_versions_are_compared_as_pip_does(version: str, specifiers: str) -> None:
    assert fits(version, specifiers) == (version in SpecifierSet(specifiers))


@pytest.mark.parametrize(
    ("image", "wrong"),
    [
        ({}, set()),
        ({"numpy": "1.0"}, set()),
        ({"traitlets": "5.9.0"}, set()),
        ({"traitlets": "5.5"}, {"traitlets"}),
        ({"traitlets": "4.3.3", "jedi": "0.18"}, {"traitlets"}),
        # the image's jedi suits the kernel, and is served by the image's parso
        ({"jedi": "0.17", "parso": "0.7.1"}, set()),
        # ours in place of the image's jedi needs another parso, too
        ({"jedi": "0.10", "parso": "0.7.1"}, {"jedi", "parso"}),
        ({"parso": "0.7.1"}, {"parso"}),
        ({"ipykernel": "4.10"}, {"ipykernel"}),
    ],
)
def test_only_what_the_kernel_cannot_use_is_replaced(
    image: dict[str, str], wrong: set[str]
) -> None:
    assert set(conflicts(TABLE, image)) == wrong


def test_what_is_installed_is_read_from_names(tmp_path: Path) -> None:
    for name in ("traitlets-4.3.3.dist-info", "Ruamel.Yaml-0.1.egg-info", "x-1.2-py3.9.egg-info"):
        (tmp_path / name).mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "traitlets-9.dist-info").mkdir()
    (tmp_path / "zip").write_text("")
    folders = [str(tmp_path / name) for name in ("none", "zip", ".", "other")]
    assert installed(folders) == {"traitlets": "4.3.3", "ruamel-yaml": "0.1", "x": "1.2"}


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """A runtime whose kernel prints what it sees, and its modules say where they are from."""
    folder = tmp_path / "runtime"
    for name in ("ipykernel", "traitlets", "numpy"):
        (folder / "lib" / name).mkdir(parents=True)
        (folder / "lib" / name / "__init__.py").write_text("place = 'runtime'")
    (folder / "lib" / "ipykernel" / "kernelapp.py").write_text(
        "import json, sys, traitlets, numpy\n"
        "def launch_new_instance():\n"
        "    print(json.dumps([traitlets.place, numpy.place, sys.argv, sys.path]))\n"
    )
    (folder / "lib" / "ipykernel" / "ipkernel.py").write_text("")
    install_launcher(folder)
    (folder / "distributions.json").write_text(json.dumps(TABLE))
    return folder


def launch(runtime: Path, site: Path, *options: str) -> tuple[list[object], str]:
    """Run it with packages of an image; return what the kernel saw, and its log."""
    ran = subprocess.run(
        [sys.executable, "-S", *options, str(runtime / "launch.py"), "-f", "x"],
        env={"PYTHONPATH": str(site)},
        cwd=runtime.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(ran.stdout), ran.stderr


@pytest.mark.parametrize(
    ("version", "traitlets", "log"),
    [
        ("5.9.0", "image", ""),
        (
            "4.3.3",
            "runtime",
            f"kernel runtime: traitlets 4.3.3 of this image {REPLACED}\n",
        ),
    ],
)
@pytest.mark.parametrize("options", [(), ("-P",)] if sys.version_info >= (3, 11) else [()])
def test_the_images_packages_win(
    runtime: Path, tmp_path: Path, version: str, traitlets: str, log: str, options: tuple[str, ...]
) -> None:
    site = tmp_path / "site"
    (site / f"traitlets-{version}.dist-info").mkdir(parents=True)
    for name in ("traitlets", "numpy"):
        (site / f"{name}.py").write_text("place = 'image'")
    (seen_traitlets, seen_numpy, argv, path), said = launch(runtime, site, *options)
    assert (seen_traitlets, seen_numpy, said) == (traitlets, "image", log)
    assert argv == [str(runtime / "lib" / "ipykernel_launcher.py"), "-f", "x"]
    assert isinstance(path, list)
    assert path[0] == str(site)
    assert path[-1] == str(runtime / "lib")
    assert str(runtime) not in path


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (
            "libstdc++.so.6: cannot open shared object file: No such file or directory",
            f"{LACKS} libstdc++.so.6, {NEEDED}: its package is {CPP}.",
        ),
        (
            "Error loading shared library libz.so.1: No such file or directory (needed by /x.so)",
            f"{LACKS} libz.so.1, {NEEDED}.",
        ),
        ("No module named '_ssl'", "the Python of this image lacks _ssl, which the kernel needs."),
        ("bad magic number", "the kernel cannot be imported: bad magic number."),
    ],
)
def test_what_an_image_lacks_is_the_last_word(runtime: Path, problem: str, says: str) -> None:
    (runtime / "lib" / "ipykernel" / "kernelapp.py").write_text(f"raise ImportError({problem!r})")
    ran = subprocess.run(
        [sys.executable, "-S", str(runtime / "launch.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "ImportError" in ran.stderr
    assert ran.stderr.splitlines()[-1] == f"kernel runtime: {says}"
