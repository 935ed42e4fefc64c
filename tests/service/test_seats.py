"""A kernel's folders: made private, given back, and swept away after a dead owner."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_gpu_containers.errors import WorkspaceError
from jupyter_gpu_containers.model.kernel.launch import HOSTS_FILE, Caller
from jupyter_gpu_containers.service.kernel.owner import Owner
from jupyter_gpu_containers.service.kernel.seats import OWNER_FILE, Seats

ME = Caller(os.getuid(), os.getgid(), "ada")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    work = tmp_path.resolve() / "work"
    work.mkdir()
    return work


@pytest.fixture
def seats(tmp_path: Path, work: Path) -> Seats:
    # not below run: a long path of the test's folder would be one thing too many
    return Seats(
        run_root=tmp_path / "r",
        home_root=tmp_path / "homes",
        caller=ME,
        workspace=str(work),
        env_names=["TZ"],
    )


def test_folders(seats: Seats, work: Path) -> None:
    seat = seats.take("k1", working_dir=None, env={}, own_env={}, notebook="a.ipynb")
    assert (seat.kernel_id, seat.notebook, seat.caller) == ("k1", "a.ipynb", ME)
    assert (seat.workspace.target, seat.working_dir) == (str(work), str(work))
    assert seat.owner == str(Owner.current())
    for folder in (seat.run_dir, seat.home_dir):
        facts = os.stat(folder)
        assert stat.S_IMODE(facts.st_mode) == 0o700
        assert (facts.st_uid, facts.st_gid) == (ME.uid, ME.gid)
    assert os.listdir(seat.home_dir) == []  # HOME begins empty
    assert "localhost" in Path(seat.run_dir, HOSTS_FILE).read_text()
    seats.leave(seat)
    assert (os.listdir(seats.run_root), os.listdir(seats.home_root)) == ([], [])
    assert work.is_dir()


def test_only_variables_of_the_list_are_passed_on(seats: Seats) -> None:
    seat = seats.take(
        "k1",
        working_dir=None,
        env={"TZ": "UTC", "AWS_SECRET_ACCESS_KEY": "x", "PATH": "/bin"},
        own_env={"FROM_KERNELSPEC": "1"},
    )
    assert seat.env == {"TZ": "UTC", "FROM_KERNELSPEC": "1"}
    seats.leave(seat)


def test_what_is_taken(seats: Seats) -> None:
    assert seats.taken == []
    one, two = (seats.take(name, working_dir=None, env={}, own_env={}) for name in ("k1", "k2"))
    assert seats.taken == [one, two]
    seats.leave(one)
    seats.leave(one)  # once more is no error
    assert seats.taken == [two]
    seats.leave(two)
    assert seats.taken == []


def test_a_forked_process_has_taken_nothing(seats: Seats) -> None:
    seat = seats.take("k1", working_dir=None, env={}, own_env={})
    child = os.fork()
    if child == 0:
        os._exit(len(seats.taken))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(seats.taken) == 1
    seats.leave(seat)


def test_a_refusal_leaves_no_folder(seats: Seats, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError):
        seats.take("k1", working_dir=str(tmp_path), env={}, own_env={})
    assert not seats.run_root.exists()


def test_a_path_too_long_leaves_no_folder(seats: Seats, tmp_path: Path) -> None:
    seats.run_root = tmp_path / ("x" * 100)
    with pytest.raises(WorkspaceError) as caught:
        seats.take("k1", working_dir=None, env={}, own_env={})
    assert caught.value.error_code == "run_dir_too_long"
    assert (os.listdir(seats.run_root), os.listdir(seats.home_root)) == ([], [])


def test_sweep_spares_the_living(seats: Seats) -> None:
    seat = seats.take("k1", working_dir=None, env={}, own_env={})
    seats.sweep([])
    assert os.path.isdir(seat.run_dir)
    assert os.path.isdir(seat.home_dir)
    seats.leave(seat)


@pytest.mark.parametrize("left", ["both", "run directory", "home"])
def test_sweep_removes_what_the_dead_left(seats: Seats, left: str) -> None:
    """A restart of the machine empties /tmp and keeps the homes."""
    seat = seats.take("k1", working_dir=None, env={}, own_env={})
    dead = str(replace(Owner.current(), start_time="1"))
    folders = [Path(seat.run_dir), Path(seat.home_dir).parent]
    for folder in folders:
        (folder / OWNER_FILE).write_text(dead)
        (folder / "more").mkdir()
        (folder / "more" / "file").write_text("x")
    if left != "both":
        gone = folders[left == "run directory"]
        for path in sorted(gone.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        gone.rmdir()
    seats.sweep([])
    assert not any(folder.exists() for folder in folders)


def test_sweep_leaves_alone_what_is_not_known(seats: Seats, tmp_path: Path) -> None:
    seats.run_root.mkdir()
    (seats.run_root / "somebody" / "file").parent.mkdir()
    (seats.run_root / "other").mkdir()
    other = replace(Owner.current(), machine="other")
    (seats.run_root / "other" / OWNER_FILE).write_text(str(other))
    seats.sweep([])
    assert sorted(os.listdir(seats.run_root)) == ["other", "somebody"]


@pytest.mark.parametrize("moment", ["made", "removed"])
def test_sweep_finds_folders_without_a_marker(
    seats: Seats, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """A process dies before it has written the marker, or when it has removed it."""
    monkeypatch.setattr(seats, "_owner", str(replace(Owner.current(), start_time="1")))
    if moment == "made":
        for root in (seats.run_root, seats.home_root):
            root.mkdir(mode=0o700)
        monkeypatch.setattr("jupyter_gpu_containers.service.kernel.seats.reached", _die)
        with monkeypatch.context() as undone:
            undone.setattr(seats, "_remove", lambda folder: None)
            with pytest.raises(SystemExit):
                seats.take("k1", working_dir=None, env={}, own_env={})
    else:
        seat = seats.take("k1", working_dir=None, env={}, own_env={})
        with monkeypatch.context() as undone:
            undone.setattr(seats, "_remove", lambda folder: Path(folder, OWNER_FILE).unlink())
            seats.leave(seat)
    left = [*seats.run_root.iterdir(), *seats.home_root.iterdir()]
    assert left
    assert not any(Path(folder, OWNER_FILE).exists() for folder in left)
    seats.sweep([])
    assert (os.listdir(seats.run_root), os.listdir(seats.home_root)) == ([], [])


def test_sweep_spares_folders_that_are_being_made(seats: Seats) -> None:
    for root in (seats.run_root, seats.home_root):
        root.mkdir(mode=0o700)
        (root / f"{seats._unfinished}abc").mkdir()
    seats.sweep([])
    assert len(os.listdir(seats.run_root)) == len(os.listdir(seats.home_root)) == 1


def _die(point: str) -> None:
    if point == "seat.folder":
        raise SystemExit


def test_sweep_where_nothing_ever_was(seats: Seats) -> None:
    seats.sweep([])
    assert not seats.run_root.exists()


# --- over the death of a server -------------------------------------------------------------------


def test_folders_whose_container_stands_are_kept(seats: Seats) -> None:
    """Whoever owned them: the next server may take the kernel over."""
    seat = seats.take("k1", working_dir=None, env={}, own_env={})
    dead = str(replace(Owner.current(), start_time="1"))
    for folder in (seat.run_dir, os.path.dirname(seat.home_dir)):
        Path(folder, OWNER_FILE).write_text(f"{dead}\nk1")
    seats.sweep({"k1"})
    assert os.path.isdir(seat.run_dir)
    seats.sweep({"k2"})
    assert not os.path.isdir(seat.run_dir)
    assert not os.path.isdir(seat.home_dir)


def test_folders_made_from_another_data_directory_are_left_to_its_servers(
    seats: Seats, tmp_path: Path
) -> None:
    """Run directories of all servers of a user lie side by side; their engines may differ."""
    seat = seats.take("k1", working_dir=None, env={}, own_env={})
    marker = Path(seat.run_dir, OWNER_FILE)
    dead = str(replace(Owner.current(), start_time="1"))
    marker.write_text(marker.read_text().replace(seat.owner, dead))
    other = Seats(run_root=seats.run_root, home_root=tmp_path / "other", caller=ME)
    other.sweep([])
    assert os.path.isdir(seat.run_dir)
    seats.sweep([])
    assert not os.path.isdir(seat.run_dir)
    seats.leave(seat)


def test_taken_over(seats: Seats) -> None:
    """From then on they are this process's, in every respect."""
    seat = seats.take("k1", working_dir=None, env={}, own_env={})
    dead = replace(seat, owner=str(replace(Owner.current(), start_time="1")))
    other = Seats(run_root=seats.run_root, home_root=seats.home_root, caller=ME)
    taken = other.adopt(dead)
    assert taken == replace(dead, owner=str(Owner.current()))
    assert other.taken == [taken]
    other.sweep([])
    assert os.path.isdir(seat.home_dir)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_a_kernel_put_in_place_of_a_marker(seats: Seats, tmp_path: Path, kind: str) -> None:
    """No link is followed, nobody waits at a pipe; the folder is taken over or refused."""
    seat = seats.take("k1", working_dir=None, env={}, own_env={})
    victim = tmp_path / "victim"
    victim.write_text("mine")
    marker = Path(seat.run_dir, OWNER_FILE)
    marker.unlink()
    if kind == "link":
        marker.symlink_to(victim)
    elif kind == "pipe":
        os.mkfifo(marker)
    else:
        marker.mkdir()
    seats.sweep([])
    if kind == "folder":
        with pytest.raises(WorkspaceError):
            seats.adopt(seat)
    else:
        seats.adopt(seat)
        assert marker.read_text().split("\n")[1] == "k1"
    assert victim.read_text() == "mine"


def test_private_folders_of_the_workspace_are_hidden(tmp_path: Path, work: Path) -> None:
    outside, inside, absent = tmp_path / "outside", work / "a" / "keys", work / "absent"
    for folder in (outside, inside):
        folder.mkdir(parents=True)
    seats = Seats(
        run_root=tmp_path / "r",
        home_root=tmp_path / "homes",
        caller=ME,
        workspace=str(work),
        private=[outside, inside, absent, work],
    )
    seat = seats.take("k1", working_dir=None, env={}, own_env={})
    assert seat.hidden == (str(inside),)
    assert os.listdir(seat.nothing) == []
    seats.leave(seat)
    assert os.listdir(tmp_path / "homes") == []
