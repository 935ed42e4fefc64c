"""Which folder a kernel may work in, and where it is mounted."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_gpu_containers.errors import WorkspaceError
from jupyter_gpu_containers.model.kernel.container import Mount
from jupyter_gpu_containers.service.kernel.workspace import SYSTEM_FOLDERS, resolve_workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "work"
    (root / "a" / "b").mkdir(parents=True)
    return root


def code(*, root: str | Path | None, folder: str | Path | None) -> str:
    """Return the code of the refusal."""
    with pytest.raises(WorkspaceError) as caught:
        resolve_workspace(str(root) if root else None, str(folder) if folder else None)
    assert caught.value.hint
    return caught.value.error_code


def test_the_servers_root(root: Path) -> None:
    assert resolve_workspace(str(root), str(root / "a")) == (
        Mount(str(root), str(root)),
        str(root / "a"),
    )


def test_without_a_folder_it_is_the_root(root: Path) -> None:
    assert resolve_workspace(str(root), None)[1] == str(root)


@pytest.mark.parametrize("text", ["a/../a/./b", "a//b/"])
def test_paths_are_tidied(root: Path, text: str) -> None:
    assert resolve_workspace(f"{root}/", f"{root}/{text}")[1] == str(root / "a" / "b")


def test_without_a_root_it_is_where_the_program_stands(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    mount, folder = resolve_workspace(None, str(root / "a"))
    assert (mount.target, folder) == (str(root), str(root / "a"))


def test_without_a_root_and_elsewhere(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """papermill --cwd: only that folder."""
    monkeypatch.chdir(root / "a")
    mount, folder = resolve_workspace(
        None,
        str(
            root / "a" / ".." / "a" / "b" / "..",
        ),
    )
    assert (mount.target, folder) == (str(root / "a"), str(root / "a"))
    monkeypatch.chdir("/")
    mount, folder = resolve_workspace(None, str(root))
    assert (mount.target, folder) == (str(root), str(root))


def test_home(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(root))
    assert resolve_workspace("~", "~/a")[1] == str(root / "a")


def test_a_root_that_is_a_link_itself(root: Path) -> None:
    """People open ~/work, a link to a big disk: it has the same path inside."""
    link = root.parent / "link"
    link.symlink_to(root)
    mount, folder = resolve_workspace(str(link), str(link / "a"))
    assert mount == Mount(str(root), str(link))
    assert folder == str(link / "a")


def test_outside(root: Path) -> None:
    assert code(root=root / "a", folder=root) == "workspace_not_allowed"
    assert code(root=root, folder=root / "..") == "workspace_not_allowed"


def test_a_name_that_only_begins_alike(root: Path) -> None:
    (root.parent / "work2").mkdir()
    assert code(root=root, folder=root.parent / "work2") == "workspace_not_allowed"


@pytest.mark.parametrize("target", ["elsewhere", "work/a", "work"])
def test_through_a_link(root: Path, target: str) -> None:
    """Also to a folder that is inside: in the container, a link's target has another meaning."""
    (root.parent / "elsewhere").mkdir()
    (root / "link").symlink_to(root.parent / target)
    assert code(root=root, folder=root / "link") == "workspace_symlink"


def test_below_a_link(root: Path) -> None:
    (root / "link").symlink_to(root / "a")
    assert code(root=root, folder=root / "link" / "b") == "workspace_symlink"


@pytest.mark.parametrize("which", ["root", "folder"])
def test_what_does_not_exist(root: Path, which: str) -> None:
    gone = root / "gone"
    found = code(root=gone if which == "root" else root, folder=gone)
    assert found == "workspace_not_allowed"


def test_a_file(root: Path) -> None:
    (root / "file").write_text("")
    assert code(root=root, folder=root / "file") == "workspace_not_allowed"


@pytest.mark.parametrize("folder", sorted(f for f in SYSTEM_FOLDERS if Path(f).is_dir()))
def test_system_folders(folder: str) -> None:
    assert code(root=folder, folder=folder) == "workspace_is_system_folder"


@pytest.mark.parametrize("folder", ["/tmp", "/home", "/mnt", "/srv", "/root"])
def test_folders_that_people_use(folder: str) -> None:
    if Path(folder).is_dir():
        assert resolve_workspace(folder, folder)[0].target == folder
