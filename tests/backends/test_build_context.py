"""A build's context: what of a folder is sent, what is not, and how much it may be."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from jupyter_gpu_containers import errors
from jupyter_gpu_containers.backends.build_context import BuildContext
from jupyter_gpu_containers.model.image.build import BuildPlan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    return folder


def write(folder: Path, *names: str, text: str = "x") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def context_of(folder: Path, dockerfile: str = "Dockerfile", limit: int = 1 << 20) -> BuildContext:
    return BuildContext(BuildPlan("a:1", dockerfile, folder=str(folder), limit=limit))


def unpacked(context: BuildContext) -> tarfile.TarFile:
    return tarfile.open(fileobj=io.BytesIO(b"".join(context.stream())))


def sent(folder: Path, ignore: str, dockerfile: str = "Dockerfile") -> list[str]:
    write(folder, ".dockerignore", text=ignore)
    names = context_of(folder, dockerfile).names
    return [name for name in names if (folder / name).is_file()]


def test_a_text_is_a_context() -> None:
    plan = BuildPlan("a:1", files={"Dockerfile": b"FROM x\n", "a.txt": b"1" * 700})
    with unpacked(BuildContext(plan)) as tar:
        assert [(m.name, m.size) for m in tar] == [("Dockerfile", 7), ("a.txt", 700)]
        assert tar.extractfile("a.txt").read() == b"1" * 700  # type: ignore[union-attr]
    assert str(BuildContext(plan)) == "2 files, 707 B"


def test_a_folder_is_sent_as_nobody_s(folder: Path) -> None:
    write(folder, "a/b/c.txt", "ünï.txt", text="content")
    (folder / "a" / "run.sh").write_text("#!/bin/sh\n")
    (folder / "a" / "run.sh").chmod(0o755)
    with unpacked(context_of(folder)) as tar:
        names = tar.getnames()
        assert names == ["Dockerfile", "a", "a/b", "a/b/c.txt", "a/run.sh", "ünï.txt"]
        assert {(m.uid, m.gid, m.uname, m.gname) for m in tar} == {(0, 0, "", "")}
        assert tar.getmember("a/run.sh").mode == 0o755
        assert tar.extractfile("a/b/c.txt").read() == b"content"  # type: ignore[union-attr]


def test_links_are_sent_as_links_and_odd_things_not_at_all(folder: Path, tmp_path: Path) -> None:
    write(tmp_path, "secret/id_rsa", text="private")
    (folder / "file").symlink_to(tmp_path / "secret" / "id_rsa")
    (folder / "dir").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "pipe")
    context = context_of(folder)
    with unpacked(context) as tar:
        assert {m.name for m in tar if m.issym()} == {"file", "dir"}
        assert "pipe" not in tar.getnames()
    assert b"private" not in b"".join(context.stream())


def test_a_link_that_takes_a_file_s_place_is_not_followed(folder: Path, tmp_path: Path) -> None:
    write(folder, "file", text="12345")
    write(tmp_path, "other", text="private")
    context = context_of(folder)
    (folder / "file").unlink()
    (folder / "file").symlink_to(tmp_path / "other")
    with pytest.raises(errors.InvalidRequestError, match="cannot be read"):
        b"".join(context.stream())


@pytest.mark.parametrize(("text", "then"), [("", b"\0" * 9), ("much longer text", b"much long")])
def test_a_file_that_changes_on_its_way_keeps_the_archive_whole(
    folder: Path, text: str, then: bytes
) -> None:
    write(folder, "file", text="123456789")
    context = context_of(folder)
    write(folder, "file", text=text)
    with unpacked(context) as tar:
        assert tar.extractfile("file").read() == then  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("ignore", "left"),
    [
        ("", ["a.txt", "b/a.txt", "b/c/d.bin"]),
        ("*", []),
        ("**/*.bin\n", ["a.txt", "b/a.txt"]),
        ("*.txt\n", ["b/a.txt", "b/c/d.bin"]),
        ("# b\n\n  b  \n", ["a.txt"]),
        ("/b/\n", ["a.txt"]),
        ("b\n!b/c/d.bin\n", ["a.txt", "b/c/d.bin"]),
        ("*\n!**/*.bin\n", ["b/c/d.bin"]),
        ("!b\nb\n", ["a.txt"]),
        ("\ufeffb\n", ["a.txt"]),
        ("Dockerfile\n.dockerignore\n", ["a.txt", "b/a.txt", "b/c/d.bin"]),
    ],
)
def test_dockerignore(folder: Path, ignore: str, left: list[str]) -> None:
    write(folder, "a.txt", "b/a.txt", "b/c/d.bin")
    # the engine needs these two in every case
    assert sent(folder, ignore) == [".dockerignore", "Dockerfile", *left]


def test_a_dockerfile_in_a_folder_with_an_ignore_file_of_its_own(folder: Path) -> None:
    write(folder, "a.txt", "b/a.txt", "b/gpu.Dockerfile")
    write(folder, "b/gpu.Dockerfile.dockerignore", text="*\n!a.txt\n")
    assert sent(folder, "a.txt\n", "b/gpu.Dockerfile") == [
        *(".dockerignore", "a.txt", "b/gpu.Dockerfile")
    ]


def test_no_dockerfile(folder: Path) -> None:
    with pytest.raises(errors.InvalidRequestError, match="has no other") as caught:
        context_of(folder, "other")
    assert caught.value.error_code == "dockerfile_missing"


def test_too_much_is_refused_with_the_place_and_before_all_is_looked_at(folder: Path) -> None:
    write(folder, "data/one", "data/two", "zzz", text="x" * 3000)
    with pytest.raises(errors.InvalidRequestError, match=r"“data”, 6 kB") as caught:
        context_of(folder, limit=5000)
    assert caught.value.error_code == "build_context_too_large"
    assert ".dockerignore" in caught.value.hint
    write(folder, ".dockerignore", text="data\n")
    assert context_of(folder, limit=5000).size < 5000


def test_many_files_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_gpu_containers.backends.build_context.MAX_FILES", 10)
    write(folder, *(f"d/{number}" for number in range(20)), text="")
    with pytest.raises(errors.InvalidRequestError, match="10 files"):
        context_of(folder)
