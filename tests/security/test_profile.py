"""The engine's record of a container against the request: real records, and each lie in them."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from jupyter_gpu_containers.backends.docker.body import NEUTRAL_ENV, create_body
from jupyter_gpu_containers.backends.docker.profile import differences, expected
from tests.security.sample import SPEC, UUIDS, record, request

Record = dict[str, Any]
ENGINES = ("docker-20.10", "docker-26.1", "podman-4.3")


def judged(engine: str, said: Record) -> list[str]:
    return differences(expected(request(engine)), said, podman=engine.startswith("podman"))


def test_expected_document() -> None:
    body = create_body(replace(SPEC, env={}), "cdi")
    assert expected(body) == {
        "Image": "sha256:" + "a" * 64,
        "Config.User": "1000:1001",
        "Config.WorkingDir": "/work/notebooks",
        "Config.Hostname": "kernel",
        "Config.Entrypoint": ["python3", "-m", "ipykernel_launcher"],
        "Config.Cmd": [],
        "Config.Tty": False,
        "Config.OpenStdin": False,
        "Config.AttachStdin": False,
        "Config.AttachStdout": False,
        "Config.AttachStderr": False,
        "Config.Healthcheck": ["NONE"],
        "Config.StopSignal": "SIGTERM",
        "Config.Env": {
            "TINI_KILL_PROCESS_GROUP": "1",
            **NEUTRAL_ENV,
            "NVIDIA_VISIBLE_DEVICES": "void",
        },
        "Config.Labels": SPEC.labels,
        "HostConfig.Privileged": False,
        "HostConfig.CapDrop": [
            *("DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP"),
            *("SETGID", "SETPCAP", "SYS_CHROOT"),
        ],
        "HostConfig.CapAdd": ["CHOWN", "SETUID"],
        "HostConfig.SecurityOpt": ["no-new-privileges"],
        "HostConfig.Init": True,
        "HostConfig.AutoRemove": False,
        "HostConfig.RestartPolicy": "no",
        "HostConfig.NetworkMode": "none",
        "HostConfig.PublishAllPorts": False,
        "HostConfig.OomScoreAdj": 500,
        "HostConfig.Ulimits": {
            "memlock": (-1, -1),
            "nofile": (65536, 65536),
            "stack": (67108864, 67108864),
            "core": (0, 0),
        },
        "HostConfig.DeviceRequests": [
            ("cdi", 0, [f"nvidia.com/gpu={uuid}" for uuid in UUIDS], [], {})
        ],
        "HostConfig.Memory": 2**30,
        "HostConfig.MemorySwap": 2**30,
        "HostConfig.ShmSize": 2**28,
        "HostConfig.PidsLimit": 4096,
        "HostConfig.Runtime": "runc",
        "HostConfig.LogConfig": {
            "Type": "local",
            "Config": {"max-size": "10m", "max-file": "3"},
        },
        "HostConfig.CgroupnsMode": ("", "private"),
        "HostConfig.IpcMode": ("", "private", "shareable"),
        "HostConfig.PidMode": ("", "private"),
        "HostConfig.UTSMode": ("", "private"),
        "HostConfig.MaskedPaths": "/proc/kcore",
        "HostConfig.ReadonlyPaths": "/proc/sys",
        **{
            f"HostConfig.{name}": None
            for name in (
                *("CgroupParent", "DeviceCgroupRules", "Devices", "ExtraHosts", "GroupAdd"),
                *("Links", "OomKillDisable", "PortBindings", "ReadonlyRootfs", "StorageOpt"),
                *("Sysctls", "Tmpfs", "UsernsMode", "VolumeDriver", "VolumesFrom"),
            )
        },
        "Mounts": [
            ("/data/imagenet", "/srv/jgc-sample/data", False, "rprivate"),
            ("/work", "/srv/jgc-sample/work", True, "rprivate"),
        ],
    }


@pytest.mark.parametrize("engine", ENGINES)
def test_real_records_fit(engine: str) -> None:
    assert judged(engine, record(engine)) == []


def config(**fields: Any) -> Callable[[Record], None]:
    return lambda said: said["Config"].update(fields)


def host(**fields: Any) -> Callable[[Record], None]:
    return lambda said: said["HostConfig"].update(fields)


def env(*pairs: str) -> Callable[[Record], None]:
    names = {pair.partition("=")[0] for pair in pairs}

    def change(said: Record) -> None:
        rows = [row for row in said["Config"]["Env"] if row.partition("=")[0] not in names]
        said["Config"]["Env"] = [*rows, *pairs]

    return change


def label(name: str, value: str) -> Callable[[Record], None]:
    return lambda said: said["Config"]["Labels"].update({name: value})


def mount(**fields: Any) -> Callable[[Record], None]:
    volume = {
        "Type": "volume",
        "Name": "0" * 64,
        "Driver": "local",
        "Source": "/var/lib/docker/volumes/0/_data",
        "RW": True,
        "Propagation": "",
    }
    return lambda said: said["Mounts"].append(volume | fields)


LIES: list[tuple[str, Callable[[Record], None]]] = [
    (
        "Image is another one",
        lambda said: (said.update(Image="b"), said["Config"].update(Image="b")),
    ),
    ("Config.User is '0:0'", config(User="0:0")),
    ("Config.User is ''", config(User="")),
    ("Config.WorkingDir is '/proc/self/fd/8'", config(WorkingDir="/proc/self/fd/8")),
    ("Config.Entrypoint is", config(Entrypoint=["/bin/evil"])),
    ("Config.Cmd is ['x']", config(Cmd=["x"])),
    ("Config.Healthcheck is None", config(Healthcheck=None)),
    ("Config.Healthcheck is", config(Healthcheck={"Test": ["CMD", "/bin/evil"]})),
    ("Config.StopSignal is 'SIGKILL'", config(StopSignal="SIGKILL")),
    ("Config.Env has another NVIDIA_VISIBLE_DEVICES", env("NVIDIA_VISIBLE_DEVICES=all")),
    ("Config.Env has another LD_PRELOAD", env("LD_PRELOAD=/evil.so")),
    ("Config.Env has another LD_AUDIT", env("LD_AUDIT=", "LD_AUDIT=/evil.so")),
    ("Config.Env has another NVIDIA_GDS", env("NVIDIA_GDS=enabled")),
    ("Config.Env has another HOME", env("HOME=/", "HOME=/home/kernel")),
    ("Config.Labels has another", label("jupyter-gpu-containers.gpus", "")),
    ("Config.Labels has jupyter-gpu-containers.slots", label("jupyter-gpu-containers.slots", "9")),
    ("HostConfig.Privileged is True", host(Privileged=True)),
    ("HostConfig.CapDrop is []", host(CapDrop=[])),
    ("HostConfig.CapDrop is", host(CapDrop=["SETGID"])),
    ("HostConfig.CapAdd is ['SYS_ADMIN']", host(CapAdd=["CAP_SYS_ADMIN"])),
    ("HostConfig.SecurityOpt is []", host(SecurityOpt=[])),
    (
        "HostConfig.SecurityOpt is",
        host(SecurityOpt=["no-new-privileges", "seccomp=unconfined"]),
    ),
    ("HostConfig.SecurityOpt is", host(SecurityOpt=["no-new-privileges:false"])),
    ("HostConfig.Init is None", host(Init=None)),
    ("HostConfig.AutoRemove is True", host(AutoRemove=True)),
    ("HostConfig.RestartPolicy is 'always'", host(RestartPolicy={"Name": "always"})),
    ("HostConfig.NetworkMode is 'host'", host(NetworkMode="host")),
    ("HostConfig.IpcMode is 'host'", host(IpcMode="host")),
    ("HostConfig.PidMode is 'host'", host(PidMode="host")),
    ("HostConfig.UTSMode is 'host'", host(UTSMode="host")),
    ("HostConfig.CgroupnsMode is 'host'", host(CgroupnsMode="host")),
    ("HostConfig.UsernsMode is 'host'", host(UsernsMode="host")),
    ("HostConfig.PublishAllPorts is True", host(PublishAllPorts=True)),
    ("HostConfig.PortBindings is", host(PortBindings={"80/tcp": [{"HostPort": "80"}]})),
    ("HostConfig.OomScoreAdj is -1000", host(OomScoreAdj=-1000)),
    ("HostConfig.OomKillDisable is True", host(OomKillDisable=True)),
    ("HostConfig.Memory is 0", host(Memory=0)),
    ("HostConfig.MemorySwap is -1", host(MemorySwap=-1)),
    ("HostConfig.PidsLimit is None", host(PidsLimit=None)),
    ("HostConfig.ShmSize is 67108864", host(ShmSize=67108864)),
    ("HostConfig.Ulimits.core is None", host(Ulimits=[])),
    (
        "HostConfig.Ulimits.core is (-1, -1)",
        host(Ulimits=[{"Name": "core", "Soft": -1, "Hard": -1}]),
    ),
    ("HostConfig.Sysctls is", host(Sysctls={"net.ipv4.ip_forward": "1"})),
    ("HostConfig.VolumesFrom is", host(VolumesFrom=["other"])),
    ("HostConfig.GroupAdd is", host(GroupAdd=["docker"])),
    ("HostConfig.DeviceCgroupRules is", host(DeviceCgroupRules=["c *:* rwm"])),
    ("HostConfig.CgroupParent is", host(CgroupParent="/")),
    ("HostConfig.Tmpfs is", host(Tmpfs={"/run": ""})),
    ("HostConfig.MaskedPaths is []", host(MaskedPaths=[])),
    ("HostConfig.ReadonlyPaths is []", host(ReadonlyPaths=[])),
    ("HostConfig.Binds has /:/host:rw", host(Binds=["/:/host:rw"])),
    ("Mounts has / at /host", mount(Type="bind", Source="/", Destination="/host")),
    ("Mounts lacks /work", lambda said: said["Mounts"].clear()),
    ("Mounts lacks /data/imagenet", lambda said: [m.update(RW=True) for m in said["Mounts"]]),
    ("Mounts has a tmpfs at /x", mount(Type="tmpfs", Destination="/x")),
    ("Mounts has a volume at /x", mount(Name="somebody-elses", Destination="/x")),
    ("Mounts has a volume at /x", mount(Driver="nfs", Destination="/x")),
    ("Mounts has a volume of the image at /work/x", mount(Destination="/work/x")),
    ("Mounts has a volume of the image at /proc/x", mount(Destination="/proc/x")),
]
DOCKERS_LIES: list[tuple[str, Callable[[Record], None]]] = [
    ("HostConfig.Runtime is 'nvidia'", host(Runtime="nvidia")),
    ("HostConfig.Devices is", host(Devices=[{"PathOnHost": "/dev/nvidia0"}])),
    ("HostConfig.DeviceRequests is []", host(DeviceRequests=None)),
    ("HostConfig.DeviceRequests is", host(DeviceRequests=[{"Driver": "nvidia", "Count": -1}])),
    ("HostConfig.LogConfig is", host(LogConfig={"Type": "json-file", "Config": {}})),
    ("HostConfig.LogConfig is", host(LogConfig={"Type": "local", "Config": {"max-size": "1t"}})),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("number", range(len(LIES)))
def test_every_lie_is_seen(engine: str, number: int) -> None:
    words, lie = LIES[number]
    said = deepcopy(record(engine))
    lie(said)
    assert any(one.startswith(words) for one in judged(engine, said)), judged(engine, said)


@pytest.mark.parametrize("engine", ["docker-20.10", "docker-26.1"])
@pytest.mark.parametrize("number", range(len(DOCKERS_LIES)))
def test_what_only_docker_records(engine: str, number: int) -> None:
    """Podman tells no device requests: `gpus.verify` looks into the running container."""
    words, lie = DOCKERS_LIES[number]
    said = deepcopy(record(engine))
    lie(said)
    assert any(one.startswith(words) for one in judged(engine, said)), judged(engine, said)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "harmless",
    [
        env("PATH=/opt/bin", "LD_LIBRARY_PATH=/usr/local/cuda/lib64", "CUDA_VERSION=12.4"),
        label("org.opencontainers.image.title", "PyTorch"),
        config(ExposedPorts={"8888/tcp": {}}),
        config(Domainname="", MacAddress=""),
        host(CapAdd=None),
        host(Annotations={}, ConsoleSize=[24, 80]),
        mount(Destination="/var/lib/postgresql"),
        mount(Destination="/data"),  # below it ours is mounted, and wins
        mount(Destination="/workshop"),  # begins like /work, and is another folder
    ],
)
def test_what_an_image_may_say(engine: str, harmless: Callable[[Record], None]) -> None:
    said = deepcopy(record(engine))
    harmless(said)
    assert judged(engine, said) == []


def test_an_engines_own_ulimits_are_its_business() -> None:
    said = deepcopy(record("docker-20.10"))
    said["HostConfig"]["Ulimits"].append({"Name": "nproc", "Soft": 100, "Hard": 100})
    assert judged("docker-20.10", said) == []


def test_values_of_variables_are_not_told() -> None:
    said = deepcopy(record("docker-20.10"))
    env("HOME=secret-canary")(said)
    label("jupyter-gpu-containers.gpus", "secret-canary")(said)
    assert len(judged("docker-20.10", said)) == 2
    assert "canary" not in str(judged("docker-20.10", said))


def test_an_empty_record_fits_nothing() -> None:
    assert len(judged("docker-20.10", {})) > 20
