"""Whether a container that was created is the one that was asked for; pure.

An image and the engine's own configuration both have a say in what ``POST /containers/create``
makes. So the engine's record (``GET /containers/{id}/json``) is compared with the request before
anything runs. What a record may differ in without harm is said here, and nothing else is let pass:

- variables and labels of the image, apart from those that the request sets and labels of ours;
- anonymous volumes of the image, apart from ones in a folder that we mount or in a system folder;
- ulimits that the engine's configuration adds, and ports that are exposed but published nowhere;
- the other forms in which Podman writes the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jupyter_gpu_containers.model.kernel.labels import PREFIX

Document = Mapping[str, Any]

# The default capabilities of engines, of which Podman's record tells "drop ALL" one by one.
# Without AUDIT_WRITE, MKNOD and NET_RAW, which Podman's own configuration leaves out.
DEFAULT_CAPABILITIES = {
    *("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP"),
    *("SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
}
SYSTEM_FOLDERS = ("/dev", "/proc", "/sys")
# Never set by us: whatever stands here reaches beyond the container, or holds its end up.
EMPTY = (
    *("CgroupParent", "DeviceCgroupRules", "Devices", "ExtraHosts", "GroupAdd", "Links"),
    *("OomKillDisable", "PortBindings", "ReadonlyRootfs", "StorageOpt", "Sysctls", "Tmpfs"),
    *("UsernsMode", "VolumeDriver", "VolumesFrom"),
)
# "private" is what a container has by default; Podman says so, Docker says nothing
PRIVATE: Mapping[str, tuple[str, ...]] = {
    "CgroupnsMode": ("", "private"),
    "IpcMode": ("", "private", "shareable"),
    "PidMode": ("", "private"),
    "UTSMode": ("", "private"),
}
HIDDEN = {"MaskedPaths": "/proc/kcore", "ReadonlyPaths": "/proc/sys"}  # one that is always there
PLAIN_CONFIG = (
    *("User", "WorkingDir", "Hostname", "Entrypoint", "Cmd", "Tty", "OpenStdin"),
    *("AttachStdin", "AttachStdout", "AttachStderr"),
)
PLAIN_HOST = (
    *("Privileged", "AutoRemove", "Init", "NetworkMode", "PublishAllPorts", "OomScoreAdj"),
    *("Memory", "MemorySwap", "ShmSize", "PidsLimit", "Runtime"),
)
SIGNALS = {"15": "SIGTERM", "TERM": "SIGTERM"}
_ANONYMOUS = re.compile(r"[0-9a-f]{64}", re.ASCII)


def expected(body: Document) -> dict[str, Any]:
    """Return what the engine's record of a container must say, by the field's path.

    Parameters
    ----------
    body : mapping
        The request with which it was created, see `body.create_body`.
    """
    host: Document = body["HostConfig"]
    wanted: dict[str, Any] = {
        "Image": body["Image"],
        "Config.Env": _pairs(body["Env"]),
        "Config.Labels": dict(body["Labels"]),
        "Config.Healthcheck": body["Healthcheck"]["Test"],
        "Config.StopSignal": body["StopSignal"],
        "HostConfig.CapDrop": sorted(DEFAULT_CAPABILITIES - set(host["CapAdd"])),
        "HostConfig.CapAdd": sorted(host["CapAdd"]),
        "HostConfig.SecurityOpt": sorted(host["SecurityOpt"]),
        "HostConfig.RestartPolicy": host["RestartPolicy"]["Name"],
        "HostConfig.Ulimits": _ulimits(host["Ulimits"]),
        "HostConfig.DeviceRequests": [_request(row) for row in host.get("DeviceRequests", ())],
        "Mounts": sorted(
            (m["Target"], m["Source"], not m["ReadOnly"], m["BindOptions"]["Propagation"])
            for m in host["Mounts"]
        ),
    }
    wanted |= {f"Config.{name}": body[name] for name in PLAIN_CONFIG}
    wanted |= {f"HostConfig.{name}": host[name] for name in PLAIN_HOST if name in host}
    wanted |= {f"HostConfig.{name}": None for name in EMPTY}
    wanted |= {f"HostConfig.{name}": allowed for name, allowed in PRIVATE.items()}
    wanted |= {f"HostConfig.{name}": path for name, path in HIDDEN.items()}
    if "LogConfig" in host:
        wanted["HostConfig.LogConfig"] = host["LogConfig"]
    return wanted


def differences(wanted: Document, record: Document, *, podman: bool = False) -> list[str]:
    """Return in what the engine's record differs, in words; an empty list where it fits.

    Values of variables and labels are not told: they may be secrets.

    Parameters
    ----------
    wanted : mapping
        See `expected`.
    record : mapping
        ``GET /containers/{id}/json``.
    podman : bool
        Podman shows no device requests, and what GPUs it gave only in the running container, where
        `gpus.verify` looks.
    """
    config, host = record.get("Config") or {}, record.get("HostConfig") or {}
    said: list[str] = []
    for path, value in wanted.items():
        name = path.rpartition(".")[2]
        present = (config if path.startswith("Config.") else host).get(name)
        if podman and name in ("DeviceRequests", "Devices"):
            continue
        if path in _SPECIAL:
            said += _SPECIAL[path](value, record)
        elif name in PRIVATE:
            said += [] if (present or "") in value else [_differs(path, present)]
        elif name in HIDDEN:
            said += [] if present is None or value in present else [_differs(path, present)]
        elif present != value and (present or value):
            said.append(_differs(path, present, value))
    return said + _binds(wanted["Mounts"], host.get("Binds"))


def _differs(path: str, present: object, wanted: object = None) -> str:
    instead = f" instead of {_short(wanted)}" if wanted is not None else ""
    return f"{path} is {_short(present)}{instead}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


def _pairs(variables: Iterable[str]) -> dict[str, str]:
    return {name: value for name, _, value in (pair.partition("=") for pair in variables)}


def _ulimits(rows: Iterable[Document] | None) -> dict[str, tuple[int, int]]:
    return {
        row["Name"].lower().removeprefix("rlimit_"): (row["Soft"], row["Hard"])
        for row in rows or ()
    }


def _request(row: Document) -> tuple[object, ...]:
    return (
        row.get("Driver") or "",
        row.get("Count") or 0,
        list(row.get("DeviceIDs") or ()),
        [list(group) for group in row.get("Capabilities") or ()],
        dict(row.get("Options") or {}),
    )


def _image(wanted: str, record: Document) -> list[str]:
    present = {str(record.get("Image")), str((record.get("Config") or {}).get("Image"))}
    ids = {name.removeprefix("sha256:") for name in present}
    return [] if wanted.removeprefix("sha256:") in ids else ["Image is another one"]


def _environment(wanted: Mapping[str, str], record: Document) -> list[str]:
    rows = [pair.partition("=") for pair in (record.get("Config") or {}).get("Env") or ()]
    found: dict[str, list[str]] = {}
    for name, _, value in rows:
        found.setdefault(name, []).append(value)
    wrong = [name for name, value in wanted.items() if found.get(name) != [value]]
    return [f"Config.Env has another {name}" for name in wrong]


def _labels(wanted: Mapping[str, str], record: Document) -> list[str]:
    present: Mapping[str, str] = (record.get("Config") or {}).get("Labels") or {}
    wrong = [name for name, value in wanted.items() if present.get(name) != value]
    more = sorted(name for name in present if name.startswith(PREFIX) and name not in wanted)
    return [f"Config.Labels has another {name}" for name in wrong] + [
        f"Config.Labels has {name}, which is not the image's to set" for name in more
    ]


def _health(wanted: list[str], record: Document) -> list[str]:
    present = ((record.get("Config") or {}).get("Healthcheck") or {}).get("Test")
    return [] if present == wanted else [_differs("Config.Healthcheck", present, wanted)]


def _signal(wanted: str, record: Document) -> list[str]:
    present = str((record.get("Config") or {}).get("StopSignal"))
    fits = SIGNALS.get(present, present) == wanted
    return [] if fits else [_differs("Config.StopSignal", present, wanted)]


def _host(record: Document, name: str) -> Any:
    return (record.get("HostConfig") or {}).get(name)


def _dropped(wanted: list[str], record: Document) -> list[str]:
    present = _capabilities(_host(record, "CapDrop"))
    fits = "ALL" in present or set(present) >= set(wanted)
    return [] if fits else [_differs("HostConfig.CapDrop", present, ["ALL"])]


def _capabilities(names: Iterable[str] | None) -> list[str]:
    return sorted(str(name).upper().removeprefix("CAP_") for name in names or ())


def _added(wanted: list[str], record: Document) -> list[str]:
    # Podman lists only those that it would not have given anyway
    present = set(_capabilities(_host(record, "CapAdd")))
    return (
        []
        if present <= set(wanted)
        else [_differs("HostConfig.CapAdd", sorted(present), sorted(wanted))]
    )


def _security(wanted: list[str], record: Document) -> list[str]:
    options = _host(record, "SecurityOpt") or []
    present = sorted(str(option).removesuffix(":true").removesuffix("=true") for option in options)
    return [] if present == wanted else [_differs("HostConfig.SecurityOpt", options, wanted)]


def _restart(wanted: str, record: Document) -> list[str]:
    present = (_host(record, "RestartPolicy") or {}).get("Name")
    fits = (present or "no") == wanted
    return [] if fits else [_differs("HostConfig.RestartPolicy", present, wanted)]


def _limits(wanted: Mapping[str, tuple[int, int]], record: Document) -> list[str]:
    present = _ulimits(_host(record, "Ulimits"))
    return [
        _differs(f"HostConfig.Ulimits.{name}", present.get(name), limits)
        for name, limits in wanted.items()
        if present.get(name) != limits
    ]


def _devices(wanted: list[tuple[object, ...]], record: Document) -> list[str]:
    present = [_request(row) for row in _host(record, "DeviceRequests") or ()]
    return [] if present == wanted else [_differs("HostConfig.DeviceRequests", present, wanted)]


def _log(wanted: Document, record: Document) -> list[str]:
    present = _host(record, "LogConfig") or {}
    fits = present.get("Type") == wanted["Type"] and dict(present.get("Config") or {}) == dict(
        wanted["Config"]
    )
    return [] if fits else [_differs("HostConfig.LogConfig", present, wanted)]


def _mounts(wanted: list[tuple[str, str, bool, str]], record: Document) -> list[str]:
    """Compare what is mounted in the end, whoever asked for it."""
    said, present = [], []
    ours = [target for target, *_ in wanted]
    for row in record.get("Mounts") or ():
        target = str(row.get("Destination"))
        if row.get("Type") == "bind":
            present.append(
                (target, str(row.get("Source")), bool(row.get("RW")), str(row.get("Propagation")))
            )
        elif not _is_anonymous(row):
            said.append(f"Mounts has a {row.get('Type')} at {target}")
        elif any(_inside(target, folder) for folder in (*ours, *SYSTEM_FOLDERS)):
            # The engine would make its mount point on the host, as root, and hide what is there.
            said.append(f"Mounts has a volume of the image at {target}")
    missing = [row for row in wanted if row not in present]
    more = [row for row in present if row not in wanted]
    return (
        said
        + [f"Mounts lacks {row[0]} as it was asked for" for row in missing]
        + [f"Mounts has {row[1]} at {row[0]}" for row in more]
    )


def _is_anonymous(row: Document) -> bool:
    plain = row.get("Type") == "volume" and row.get("Driver") == "local"
    return plain and _ANONYMOUS.fullmatch(str(row.get("Name"))) is not None


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _binds(wanted: list[tuple[str, str, bool, str]], binds: Iterable[str] | None) -> list[str]:
    """Podman writes mounts as ``source:target:options``; Docker, nothing."""
    ours = tuple(f"{source}:{target}:" for target, source, *_ in wanted)
    return [f"HostConfig.Binds has {bind}" for bind in binds or () if not bind.startswith(ours)]


_SPECIAL: Mapping[str, Callable[[Any, Document], list[str]]] = {
    "Image": _image,
    "Config.Env": _environment,
    "Config.Labels": _labels,
    "Config.Healthcheck": _health,
    "Config.StopSignal": _signal,
    "HostConfig.CapDrop": _dropped,
    "HostConfig.CapAdd": _added,
    "HostConfig.SecurityOpt": _security,
    "HostConfig.RestartPolicy": _restart,
    "HostConfig.Ulimits": _limits,
    "HostConfig.DeviceRequests": _devices,
    "HostConfig.LogConfig": _log,
    "Mounts": _mounts,
}
