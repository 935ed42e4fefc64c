"""Intent made mechanism: the whole container that each kind of launch gets, and phases."""

from dataclasses import replace

import pytest

from jupyter_gpu_containers.errors import DataMountUnknownError
from jupyter_gpu_containers.model.gpu.device import Gpu
from jupyter_gpu_containers.model.image.image import ImageKernel
from jupyter_gpu_containers.model.kernel.container import ContainerSpec, Mount, Network
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import (
    Caller,
    Launch,
    Phase,
    Policy,
    Seat,
    make_container_spec,
)

IMAGE_ID = "sha256:" + "1" * 64
ENVIRONMENT = Environment(
    name="torch",
    display_name="PyTorch 25.08 · CPU",
    reference="nvcr.io/nvidia/pytorch:25.08-py3",
    image_id=IMAGE_ID,
    kernel=ImageKernel(
        "python3", "Python 3", "python", ("python3", "-m", "ipykernel", "-f", "{connection_file}")
    ),
)
SEAT = Seat(
    kernel_id="6d3b3a2c-3e43-4b6c-9a54-1f3f8a7b0c11",
    caller=Caller(1000, 100, "ada"),
    owner="machine/boot/1/2/3",
    workspace=Mount("/home/ada/work", "/home/ada/work"),
    working_dir="/home/ada/work/talks",
    run_dir="/run/user/1000/jg/6d3b",
    home_dir="/home/ada/.local/share/jupyter/gpu_containers/homes/6d3b",
    notebook="talks/train.ipynb",
    env={"TZ": "UTC"},
)
GPUS = (
    Gpu("GPU-00000000-0000-0000-0000-000000000001", 0, "NVIDIA H200", minor_number=0),
    Gpu("GPU-00000000-0000-0000-0000-000000000002", 1, "NVIDIA H200", minor_number=1),
)
OWN = ("python3", "-m", "ipykernel_launcher")
POLICY = Policy(memory=16 << 30, shm_size=1 << 30)
PLAIN = ContainerSpec(
    image=IMAGE_ID,
    command=("python3", "-m", "ipykernel", "-f", "/run/user/1000/jg/6d3b/connection.json"),
    name="k1",
    user="1000:100",
    working_dir="/home/ada/work/talks",
    labels={
        "jupyter-gpu-containers.version": "1",
        "jupyter-gpu-containers.purpose": "kernel",
        "jupyter-gpu-containers.owner": "machine/boot/1/2/3",
        "jupyter-gpu-containers.user": "ada",
        "jupyter-gpu-containers.kernel": "6d3b3a2c-3e43-4b6c-9a54-1f3f8a7b0c11",
        "jupyter-gpu-containers.environment": "torch",
        "jupyter-gpu-containers.display-name": "PyTorch 25.08 · CPU",
        "jupyter-gpu-containers.notebook": "talks/train.ipynb",
    },
    env={
        "PIP_BREAK_SYSTEM_PACKAGES": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
        "TZ": "UTC",
        "HOME": "/home/kernel",
        "USER": "ada",
        "LOGNAME": "ada",
    },
    mounts=(
        Mount("/home/ada/.local/share/jupyter/gpu_containers/homes/6d3b", "/home/kernel"),
        Mount("/home/ada/work", "/home/ada/work"),
        Mount("/run/user/1000/jg/6d3b", "/run/user/1000/jg/6d3b"),
    ),
    gpus=(),
    memory=16 << 30,
    shm_size=1 << 30,
    pids_limit=4096,
    cap_add=(),
    network=Network.BRIDGE,
    hostname="kernel",
)


def test_a_user_without_gpu() -> None:
    assert make_container_spec(ENVIRONMENT, (), SEAT, POLICY, "k1") == PLAIN


def test_root_gets_the_capabilities_that_installing_packages_needs() -> None:
    seat = replace(SEAT, caller=Caller(0, 0, "root"))
    assert make_container_spec(ENVIRONMENT, (), seat, POLICY, "k1") == replace(
        PLAIN,
        user="0:0",
        labels={**PLAIN.labels, "jupyter-gpu-containers.user": "root"},
        env={**PLAIN.env, "USER": "root", "LOGNAME": "root"},
        cap_add=("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"),
    )


def test_without_a_network_localhost_still_resolves() -> None:
    policy = replace(POLICY, network=Network.NONE)
    hosts = Mount("/run/user/1000/jg/6d3b/hosts", "/etc/hosts", read_only=True)
    assert make_container_spec(ENVIRONMENT, (), SEAT, policy, "k1") == replace(
        PLAIN, network=Network.NONE, mounts=(*PLAIN.mounts, hosts)
    )


def test_data_mounts_and_the_administrators_variables() -> None:
    policy = replace(
        POLICY,
        data_mounts={"imagenet": Mount("/srv/imagenet", "/data/imagenet", read_only=True)},
        environment_variables={"HF_HUB_OFFLINE": "1", "TZ": "CET", "HOME": "/root"},
    )
    home, workspace, run_dir = PLAIN.mounts
    data = Mount("/srv/imagenet", "/data/imagenet", read_only=True)
    assert make_container_spec(ENVIRONMENT, (), SEAT, policy, "k1") == replace(
        PLAIN,
        env={**PLAIN.env, "HF_HUB_OFFLINE": "1"},  # the caller's TZ and our HOME win
        mounts=(home, workspace, data, run_dir),
    )


FACES = Mount("/srv/faces", "/data/faces", read_only=True)
SCRATCH = Mount("/srv/scratch", "/data/scratch")


@pytest.mark.parametrize(
    ("names", "mounts"),
    [
        (None, (FACES, SCRATCH)),
        ((), ()),
        (("scratch",), (SCRATCH,)),
        (("scratch", "faces"), (FACES, SCRATCH)),  # the configuration's order
    ],
)
def test_data_mounts_that_were_chosen(
    names: tuple[str, ...] | None, mounts: tuple[Mount, ...]
) -> None:
    policy = replace(POLICY, data_mounts={"faces": FACES, "scratch": SCRATCH})
    home, workspace, run_dir = PLAIN.mounts
    made = make_container_spec(replace(ENVIRONMENT, mounts=names), (), SEAT, policy, "k1")
    assert made == replace(PLAIN, mounts=(home, workspace, *mounts, run_dir))


@pytest.mark.parametrize("name", ["/etc", "faces/..", "Faces", ""])
def test_only_data_mounts_of_the_configuration(name: str) -> None:
    policy = replace(POLICY, data_mounts={"faces": FACES})
    environment = replace(ENVIRONMENT, mounts=("faces", name))
    with pytest.raises(DataMountUnknownError) as raised:
        make_container_spec(environment, (), SEAT, policy, "k1")
    assert raised.value.message == f"There is no data mount “{name}” on this server."
    assert raised.value.hint == "Choose from: faces."
    with pytest.raises(DataMountUnknownError, match="None is configured"):
        make_container_spec(environment, (), SEAT, POLICY, "k1")


def test_two_gpus_by_uuid_in_the_request_and_the_label() -> None:
    uuids = tuple(gpu.uuid for gpu in GPUS)
    assert make_container_spec(ENVIRONMENT, GPUS, SEAT, POLICY, "k1") == replace(
        PLAIN, gpus=uuids, labels={**PLAIN.labels, "jupyter-gpu-containers.gpus": ",".join(uuids)}
    )


def test_a_waiver_is_a_variable_that_the_administrators_outranks() -> None:
    made = make_container_spec(ENVIRONMENT, GPUS, SEAT, POLICY, "k1")
    waived = make_container_spec(ENVIRONMENT, GPUS, SEAT, POLICY, "k1", waived=True)
    assert waived == replace(made, env={**made.env, "NVIDIA_DISABLE_REQUIRE": "1"})
    policy = replace(POLICY, environment_variables={"NVIDIA_DISABLE_REQUIRE": "0"})
    strict = make_container_spec(ENVIRONMENT, GPUS, SEAT, policy, "k1", waived=True)
    assert strict == replace(made, env={**made.env, "NVIDIA_DISABLE_REQUIRE": "0"})


def test_the_environments_limits_win_over_the_policys() -> None:
    environment = replace(ENVIRONMENT, memory=2 << 30, shm_size=64 << 20)
    assert make_container_spec(environment, (), SEAT, POLICY, "k1") == replace(
        PLAIN, memory=2 << 30, shm_size=64 << 20
    )


def test_a_launch_advances_without_changing() -> None:
    queued = Launch("id").advance(Phase.QUEUED, 1.0)
    running = queued.advance(Phase.RUNNING, 2.5, kernel_id="k", gpus=("GPU-1",))
    assert queued.phase is Phase.QUEUED
    assert queued.kernel_id is None
    assert running.phase is Phase.RUNNING
    assert [(p.phase.value, p.at) for p in running.phases] == [("queued", 1.0), ("running", 2.5)]
    assert (running.kernel_id, running.gpus) == ("k", ("GPU-1",))


def test_a_new_launch_is_queued() -> None:
    assert Launch("id").phase is Phase.QUEUED


@pytest.mark.parametrize("phase", Phase)
def test_what_is_final(phase: Phase) -> None:
    assert phase.final == (phase.value in ("failed", "cancelled"))


def test_a_kernel_that_is_carried_in_is_mounted_read_only() -> None:
    folder = "/home/ada/.local/share/jupyter/gpu_containers/runtimes/v2/cpython-311-glibc-amd64"
    made = make_container_spec(ENVIRONMENT, (), SEAT, POLICY, "k1", folder)
    mount = Mount(folder, "/opt/jupyter-gpu-containers/runtime", read_only=True)
    assert made == replace(PLAIN, mounts=(*PLAIN.mounts, mount))


def test_an_images_own_ipykernel_is_started_by_what_is_brought_in() -> None:
    folder = "/home/ada/.local/share/jupyter/gpu_containers/runtimes/v2/quick-start-0123"
    kernel = replace(ENVIRONMENT.kernel, argv=(*OWN, "-f", "{connection_file}"))
    made = make_container_spec(replace(ENVIRONMENT, kernel=kernel), (), SEAT, POLICY, "k1", folder)
    target = "/opt/jupyter-gpu-containers/runtime"
    command = ("python3", f"{target}/start.py", *PLAIN.command[-2:])
    mounts = (*PLAIN.mounts, Mount(folder, target, read_only=True))
    assert made == replace(PLAIN, command=command, mounts=mounts)
