"""Runs inside a container, alone: tries to get out, and prints as JSON what succeeded."""

import ctypes
import json
import os
import socket
import stat
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWUSER, NEWPID, NEWCGROUP = 0x00020000, 0x10000000, 0x20000000, 0x02000000


def attempt(function):
    try:
        return function()
    except OSError:
        return False


def writes(path, text="x", mode="r+"):
    def function():  # "r+": a file that is not there is not made
        with open(path, mode) as file:
            file.write(text)
        return True

    return function


def opens(path, flags=os.O_RDONLY):
    return lambda: os.close(os.open(path, flags)) is None


def call(number, *arguments):
    return lambda: LIBC.syscall(number, *arguments) >= 0


def sockets():
    """Connect to every Unix socket that can be found; none of an engine may answer."""
    answered = []
    for folder, folders, files in os.walk("/"):
        if folder == "/":
            folders[:] = [name for name in folders if name not in ("proc", "sys", "usr")]
        for name in files:
            path = os.path.join(folder, name)
            try:
                if not stat.S_ISSOCK(os.lstat(path).st_mode):
                    continue
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.settimeout(2)
                    connection.connect(path)
                    answered.append(path)
            except OSError:
                continue
    return answered


def node():
    os.mknod("/tmp/node", 0o666 | stat.S_IFBLK, os.makedev(254, 0))
    return True


def becomes_root():
    os.setuid(0)
    return os.getuid() == 0 and int(sys.argv[1]) != 0


def raw_socket():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
    return True


def listens():
    """TCP sockets that listen beyond the loopback interface (state 0A in proc(5))."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table) as file:
                rows = file.read().splitlines()[1:]
        except OSError:
            continue
        found += [row.split()[1] for row in rows if row.split()[3] == "0A"]
    return [one for one in found if not one.startswith("0100007F")]


def chmod_setuid():
    """A set-user-ID file may be made of one's own, but gives nobody more rights."""
    open("/tmp/suid", "w").close()
    os.chmod("/tmp/suid", 0o6755)
    return os.stat("/tmp/suid").st_uid != os.getuid()


PROBES = {
    "core_pattern": writes("/proc/sys/kernel/core_pattern", "|/tmp/x"),
    "modprobe": writes("/proc/sys/kernel/modprobe", "/tmp/x"),
    "uevent_helper": writes("/sys/kernel/uevent_helper", "/tmp/x"),
    "sysrq": writes("/proc/sysrq-trigger", "h"),
    "oom_score_adj": writes("/proc/self/oom_score_adj", "-1000"),
    "release_agent": writes("/sys/fs/cgroup/release_agent", "/tmp/x"),
    "release_agent of memory": writes("/sys/fs/cgroup/memory/release_agent", "/tmp/x"),
    "cgroup.procs": writes("/sys/fs/cgroup/cgroup.procs", "1"),
    "devices.allow": writes("/sys/fs/cgroup/devices/devices.allow", "a"),
    "kcore": opens("/proc/kcore"),
    "kmem": opens("/dev/mem"),
    "disk": opens("/dev/vda"),
    "shadow by /proc/1": lambda: os.listdir("/proc/1/root/var/lib/docker") is not None,
    "mount": lambda: LIBC.mount(b"proc", b"/mnt", b"proc", 0, None) == 0,
    "umount": lambda: LIBC.umount(b"/proc") == 0,
    "pivot_root": call(155, b"/tmp", b"/tmp"),
    "unshare mounts": lambda: LIBC.unshare(NEWNS) == 0,
    "unshare users": lambda: LIBC.unshare(NEWUSER) == 0,
    "unshare users and processes": lambda: LIBC.unshare(NEWUSER | NEWPID) == 0,
    "unshare cgroups": lambda: LIBC.unshare(NEWCGROUP) == 0,
    "setns": lambda: LIBC.setns(os.open("/proc/1/ns/mnt", os.O_RDONLY), 0) == 0,
    "keyctl": call(250, 0, -3, 1),
    "bpf": call(321, 0, None, 0),
    "perf_event_open": call(298, None, 0, -1, -1, 0),
    "kexec_load": call(246, 0, 0, None, 0),
    "init_module": call(175, None, 0, b""),
    "open_by_handle_at": call(304, -100, None, 0),
    "settimeofday": call(164, None, None),
    "sethostname": lambda: LIBC.sethostname(b"x", 1) == 0,
    "chroot": lambda: LIBC.chroot(b"/tmp") == 0,
    "mknod of a disk": node,
    "become root": becomes_root,
    "raw socket": raw_socket,
    "set-user-ID of another": chmod_setuid,
    "read-only mount": writes("/data/x/file", mode="w"),
}

chosen = sys.argv[2:] or list(PROBES)
print(
    json.dumps(
        {
            "succeeded": [name for name in chosen if attempt(PROBES[name])],
            "probes": len(chosen),
            "sockets": sockets(),
            "listens": listens(),
            "interfaces": sorted(os.listdir("/sys/class/net")),
        }
    )
)
