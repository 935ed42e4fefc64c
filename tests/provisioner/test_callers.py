"""Who the kernel runs as: the caller, be it root or an ordinary user of the docker group.

As root these tests make an ordinary user for themselves; run by an ordinary user, they are about
that user alone.
"""

from __future__ import annotations

import grp
import os
import pwd
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.callers import Caller
from tests.rooms import Room

pytestmark = pytest.mark.engine


@pytest.fixture(scope="session")
def ordinary_user(engine_host: str) -> Iterator[pwd.struct_passwd]:
    """An account that may use the engine, as `usermod -aG docker` makes it."""
    socket = engine_host.removeprefix("unix://")
    group = grp.getgrgid(os.stat(socket).st_gid).gr_name
    name = f"jgc-{secrets.token_hex(4)}"
    command = ["useradd", "--no-create-home", "--user-group", "--groups", group, name]
    subprocess.run(command, check=True, capture_output=True)
    yield pwd.getpwnam(name)
    subprocess.run(["userdel", name], check=True, capture_output=True)


@pytest.fixture(params=["root", "ordinary user"] if os.geteuid() == 0 else ["myself"])
def caller(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Caller]:
    """Root, and an ordinary user."""
    if request.param != "ordinary user":
        room = Room("docker", tmp_path)
        me = pwd.getpwuid(os.getuid()).pw_name
        who = Caller(os.getuid(), os.getgid(), me, room)
    else:
        user = request.getfixturevalue("ordinary_user")
        room = Room("docker", tmp_path, owner=(user.pw_uid, user.pw_gid))
        identity = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups"]
        who = Caller(user.pw_uid, user.pw_gid, user.pw_name, room, ["setpriv", *identity])
        who.let_them_read()
    try:
        yield who
    finally:
        room.close()


def test_files_belong_to_the_caller(caller: Caller) -> None:
    """What a cell makes, and what was there and can be changed."""
    path = caller.room.workspace / "notes.txt"
    path.write_text("one")
    os.chown(path, caller.uid, caller.gid)
    path.chmod(0o600)
    said = caller.cells(
        "open('x', 'w').write('made in a cell')",
        "import os; os.makedirs('d/e'); print(os.getuid(), os.getgid())",
        "open('notes.txt', 'a').write(', two')",
    )
    assert said[1] == f"{caller.uid} {caller.gid}"
    for name in ("x", "d", "d/e"):
        facts = (caller.room.workspace / name).stat()
        assert (facts.st_uid, facts.st_gid) == (caller.uid, caller.gid)
    assert path.read_text() == "one, two"


def test_home_name_and_what_is_below(caller: Caller) -> None:
    """Also for a user id that no passwd file of the image knows.

    The image's own files are written by root only, and a setuid program gives nothing away.
    Matplotlib writes its font cache below HOME, and complains where it cannot.
    """
    said = caller.cells(
        "from pathlib import Path; h = Path.home(); print(h, h.stat().st_uid)",
        "(h / 'a').mkdir(); (h / 'a' / 'b').write_text('c'); print((h / 'a' / 'b').read_text())",
        "import getpass; print(getpass.getuser())",
        "import os; print(os.path.expanduser('~'), os.environ['USER'], os.environ['LOGNAME'])",
        "import subprocess; print(open('/proc/self/status').read().count('NoNewPrivs:\\t1'))",
        "open('/etc/made-here', 'w')",
        "import matplotlib; matplotlib.use('Agg'); import matplotlib.pyplot as plt",
        "plt.plot([1, 2]); plt.savefig('p.png'); print(open('p.png', 'rb').read(4))",
    )
    assert said[:4] == [
        f"/home/kernel {caller.uid}",
        "c",
        caller.name,
        f"/home/kernel {caller.name} {caller.name}",
    ]
    assert said[4] == "1"
    if caller.uid != 0:
        assert said[5].startswith("PermissionError")
    assert "temporary" not in said[6].lower()
    assert said[7] == r"b'\x89PNG'"
