"""The "create container" request body: compared as whole values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jupyter_gpu_containers.backends.docker.body import Injection, cdi_name, create_body
from jupyter_gpu_containers.backends.docker.requests import (
    InjectionSetting,
    choose_injection,
    for_engine,
)
from jupyter_gpu_containers.model.kernel.container import ContainerSpec, EngineInfo, Mount, Network

IMAGE = "sha256:" + "a" * 64
UUIDS = ("GPU-943cecec-d10b-5bab-9966-76897637722e", "MIG-1c2d")

ENV = [
    "TINI_KILL_PROCESS_GROUP=1",
    "NVIDIA_DRIVER_CAPABILITIES=compute,utility",
    "NVIDIA_GDS=disabled",
    "NVIDIA_MOFED=disabled",
    "NVIDIA_NVSWITCH=disabled",
    "NVIDIA_GDRCOPY=disabled",
    "NVIDIA_IMEX_CHANNELS=",
    "NVIDIA_MIG_CONFIG_DEVICES=",
    "NVIDIA_MIG_MONITOR_DEVICES=",
    "LD_PRELOAD=",
    "LD_AUDIT=",
]
ULIMITS = [
    {"Name": "memlock", "Soft": -1, "Hard": -1},
    {"Name": "nofile", "Soft": 65536, "Hard": 65536},
    {"Name": "stack", "Soft": 67108864, "Hard": 67108864},
    {"Name": "core", "Soft": 0, "Hard": 0},
]
PLAIN = ContainerSpec(
    image=IMAGE,
    command=("python3", "-m", "ipykernel_launcher"),
    name="not-in-the-body",
    user="1000:1001",
    working_dir="/work",
)
PLAIN_BODY = {
    "Image": IMAGE,
    "User": "1000:1001",
    "WorkingDir": "/work",
    "Hostname": "kernel",
    "Entrypoint": ["python3", "-m", "ipykernel_launcher"],
    "Cmd": [],
    "Healthcheck": {"Test": ["NONE"]},
    "StopSignal": "SIGTERM",
    "Env": [*ENV, "NVIDIA_VISIBLE_DEVICES=void"],
    "Labels": {},
    "AttachStdin": False,
    "AttachStdout": False,
    "AttachStderr": False,
    "OpenStdin": False,
    "Tty": False,
    "NetworkDisabled": False,
    "HostConfig": {
        "Mounts": [],
        "Privileged": False,
        "CapDrop": ["ALL"],
        "CapAdd": [],
        "SecurityOpt": ["no-new-privileges"],
        "Init": True,
        "AutoRemove": False,
        "RestartPolicy": {"Name": "no"},
        "IpcMode": "private",
        "CgroupnsMode": "private",
        "NetworkMode": "bridge",
        "PublishAllPorts": False,
        "OomScoreAdj": 500,
        "Ulimits": ULIMITS,
        "Runtime": "runc",
        "LogConfig": {"Type": "local", "Config": {"max-size": "10m", "max-file": "3"}},
    },
}


def body_with(host: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return PLAIN_BODY | changes | {"HostConfig": PLAIN_BODY["HostConfig"] | (host or {})}


@pytest.mark.parametrize("injection", ["cdi", "nvidia"])
def test_cpu_container(injection: Injection) -> None:
    assert create_body(PLAIN, injection) == PLAIN_BODY


def test_everything_but_gpus() -> None:
    spec = replace(
        PLAIN,
        labels={"k": "v"},
        env={"HOME": "/home/kernel", "PS1": "a=b"},
        mounts=(Mount("/host/data", "/data", read_only=True), Mount("/work", "/work")),
        memory=8 * 2**30,
        shm_size=2**30,
        pids_limit=4096,
        cap_add=("CHOWN", "SETUID"),
        network=Network.NONE,
        hostname="pytorch",
    )
    options = {"Propagation": "rprivate", "CreateMountpoint": False}
    assert create_body(spec, "cdi") == body_with(
        {
            "Mounts": [
                {
                    "Type": "bind",
                    "Source": "/host/data",
                    "Target": "/data",
                    "ReadOnly": True,
                    "BindOptions": options,
                },
                {
                    "Type": "bind",
                    "Source": "/work",
                    "Target": "/work",
                    "ReadOnly": False,
                    "BindOptions": options,
                },
            ],
            "CapAdd": ["CHOWN", "SETUID"],
            "NetworkMode": "none",
            "Memory": 8 * 2**30,
            "MemorySwap": 8 * 2**30,
            "ShmSize": 2**30,
            "PidsLimit": 4096,
        },
        Env=[
            *ENV,
            "HOME=/home/kernel",
            "PS1=a=b",
            "NVIDIA_VISIBLE_DEVICES=void",
        ],
        Labels={"k": "v"},
        NetworkDisabled=True,
        Hostname="pytorch",
    )


def test_gpus_by_cdi() -> None:
    assert create_body(replace(PLAIN, gpus=UUIDS), "cdi") == body_with(
        {
            "DeviceRequests": [
                {"Driver": "cdi", "DeviceIDs": [f"nvidia.com/gpu={uuid}" for uuid in UUIDS]}
            ]
        }
    )


def test_gpus_by_the_nvidia_driver() -> None:
    """The engine appends NVIDIA_VISIBLE_DEVICES, and an image's "all" must not come before it."""
    assert create_body(replace(PLAIN, gpus=UUIDS), "nvidia") == body_with(
        {
            "DeviceRequests": [
                {
                    "Driver": "nvidia",
                    "DeviceIDs": list(UUIDS),
                    "Capabilities": [["gpu", "compute", "utility"]],
                }
            ]
        },
        Env=[*ENV, f"NVIDIA_VISIBLE_DEVICES={','.join(UUIDS)}"],
    )


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("compute,video", ["compute", "video"]),
        ("all", ["compute", "compat32", "graphics", "utility", "video", "display"]),
        (" video , ngx", ["video"]),  # the engine does not know "ngx", and would refuse
        ("ngx", ["compute", "utility"]),
        ("", ["compute", "utility"]),
    ],
)
def test_parts_of_the_driver_by_policy(asked: str, given: list[str]) -> None:
    """Who needs video or graphics says so in the configuration or in the kernelspec."""
    spec = replace(PLAIN, gpus=UUIDS, env={"NVIDIA_DRIVER_CAPABILITIES": asked})
    body = create_body(spec, "nvidia")
    assert body["HostConfig"]["DeviceRequests"][0]["Capabilities"] == [["gpu", *given]]
    assert f"NVIDIA_DRIVER_CAPABILITIES={asked}" in body["Env"]
    assert "NVIDIA_DRIVER_CAPABILITIES=compute,utility" not in body["Env"]


def test_policy_may_load_what_an_image_may_not() -> None:
    body = create_body(replace(PLAIN, env={"LD_PRELOAD": "/usr/lib/libtcmalloc.so"}), "cdi")
    assert [pair for pair in body["Env"] if pair.startswith("LD_PRELOAD")] == [
        "LD_PRELOAD=/usr/lib/libtcmalloc.so"
    ]


@pytest.mark.parametrize(
    ("without", "gone", "ulimits"),
    [
        (("memlock", "nofile"), set(), ["stack", "core"]),
        (("swap",), {"MemorySwap"}, ["memlock", "nofile", "stack", "core"]),
        (("memory",), {"Memory", "MemorySwap"}, ["memlock", "nofile", "stack", "core"]),
        (("pids", "memlock"), {"PidsLimit"}, ["nofile", "stack", "core"]),
    ],
)
def test_limits_that_an_engine_cannot_set(
    without: tuple[str, ...], gone: set[str], ulimits: list[str]
) -> None:
    spec = replace(PLAIN, memory=2**30, pids_limit=100)
    whole = create_body(spec, "cdi")["HostConfig"]
    less = create_body(spec, "cdi", without=without)["HostConfig"]
    assert set(whole) - set(less) == gone
    assert [row["Name"] for row in less["Ulimits"]] == ulimits


@pytest.mark.parametrize("gpus", [(), UUIDS])
@pytest.mark.parametrize("injection", ["cdi", "nvidia"])
def test_environment_cannot_ask_for_gpus(gpus: tuple[str, ...], injection: Injection) -> None:
    spec = replace(PLAIN, gpus=gpus, env={"NVIDIA_VISIBLE_DEVICES": "all"})
    without = replace(spec, env={})
    assert create_body(spec, injection) == create_body(without, injection)


def test_engine_without_runc_and_local_log() -> None:
    body = create_body(PLAIN, "cdi", runtime=None, log_driver=None)
    host = dict(PLAIN_BODY["HostConfig"])
    del host["Runtime"], host["LogConfig"]
    assert body == PLAIN_BODY | {"HostConfig": host}


@pytest.mark.parametrize(
    ("setting", "listed", "expected"),
    [
        ("auto", None, "nvidia"),  # an engine without CDI
        ("auto", (), "nvidia"),
        ("auto", UUIDS[:1], "nvidia"),  # one of the two is not listed
        ("auto", UUIDS, "cdi"),
        ("cdi", None, "cdi"),
        ("nvidia", UUIDS, "nvidia"),
    ],
)
def test_choice_of_injection(
    setting: InjectionSetting, listed: tuple[str, ...] | None, expected: Injection
) -> None:
    names = None if listed is None else tuple(map(cdi_name, listed))
    info = EngineInfo("Docker Engine", "28", "1.51", "amd64", cdi_devices=names)
    assert choose_injection(setting, info, UUIDS) == expected


@pytest.mark.parametrize(
    ("security", "user"),
    [
        ("name=seccomp,profile=default", "1000:1001"),
        ("name=seccomp,profile=default,name=rootless", "0:0"),
        ("name=rootless", "0:0"),
        ("", "1000:1001"),
    ],
)
def test_the_caller_is_root_in_a_rootless_engine(security: str, user: str) -> None:
    """There any other id is a stranger to the caller's files; capabilities stay as they are."""
    info = EngineInfo("Docker Engine", "28.3.1", "1.51", "amd64", details={"security": security})
    assert for_engine(PLAIN, info) == replace(PLAIN, user=user)
    assert create_body(for_engine(PLAIN, info), "cdi")["HostConfig"]["CapAdd"] == []
