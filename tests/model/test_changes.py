"""What a container has that its image has not: paths, packages, credentials, and the recipe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpu_containers.model.image import changes as model
from jupyter_gpu_containers.model.image.changes import FolderChange, PackageChange
from jupyter_gpu_containers.model.image.container_diff import (
    ChangedPath,
    ChangeKind,
    ContainerDiff,
    Outside,
)
from jupyter_gpu_containers.model.image.credential_files import why_credential
from jupyter_gpu_containers.model.image.image import Image
from jupyter_gpu_containers.model.image.recipe import APT_LOCK, CONDA_LOCK, PIP_LOCK, make_recipe
from jupyter_gpu_containers.model.image.user_packages import USER_BASE

ADDED, CHANGED, REMOVED = ChangeKind.ADDED, ChangeKind.CHANGED, ChangeKind.REMOVED
SITE = "/usr/local/lib/python3.12/site-packages"


def added(*paths: str) -> list[ChangedPath]:
    return [ChangedPath(path, ADDED, 10) for path in paths]


def packages(*paths: ChangedPath, **apt: str) -> list[tuple[str, ...]]:
    found = model.package_changes(paths, apt)
    return [(p.manager, p.name, p.kind.value, p.before or "", p.after or "") for p in found]


def test_packages_of_pip() -> None:
    assert packages(
        *added(f"{SITE}/Flask_Login-0.6.3.dist-info", f"{SITE}/Flask_Login-0.6.3.dist-info/RECORD"),
        *added("/opt/conda/lib/python3.11/site-packages/old-1.0-py3.11.egg-info"),
        ChangedPath(f"{SITE}/numpy-1.26.4.dist-info", REMOVED),
        *added(f"{SITE}/numpy-2.1.0.dist-info"),
        ChangedPath(f"{SITE}/gone-3.dist-info", REMOVED),
        ChangedPath(f"{SITE}/touched-1.dist-info", CHANGED),
        *added(f"{USER_BASE}/lib/python3.12/site-packages/mine-0.1.dist-info"),
        *added("/srv/no-1.0.dist-info", f"{SITE}/.hidden-1.dist-info", f"{SITE}/a b-1.dist-info"),
    ) == [
        ("pip", "flask-login", "added", "", "0.6.3"),
        ("pip", "gone", "removed", "3", ""),
        ("pip", "mine", "added", "", "0.1"),
        ("pip", "numpy", "changed", "1.26.4", "2.1.0"),
        ("pip", "old", "added", "", "1.0"),
    ]


def test_what_conda_and_apt_installed_is_theirs() -> None:
    conda = "/opt/conda/conda-meta"
    assert packages(
        *added(f"{conda}/scikit-learn-1.5.1-py311h_0.json", f"{conda}/history"),
        *added("/opt/conda/lib/python3.11/site-packages/scikit_learn-1.5.1.dist-info"),
        ChangedPath(f"{conda}/openssl-3.0.1-0.json", REMOVED),
        *added(f"{conda}/openssl-3.0.2-0.json"),
        *added("/var/lib/dpkg/info/libfoo1:amd64.list", "/var/lib/dpkg/info/python3-six.list"),
        *added("/usr/lib/python3/dist-packages/six-1.16.0.egg-info"),
        ChangedPath("/var/lib/dpkg/info/curl.list", CHANGED),
        ChangedPath("/var/lib/dpkg/info/vim.list", CHANGED),
        **{"libfoo1": "1:2.3-4+b1", "python3-six": "1.16.0-4", "curl": "8.1~rc1"},
    ) == [
        ("apt", "curl", "changed", "", "8.1~rc1"),
        ("apt", "libfoo1", "added", "", "1:2.3-4+b1"),
        ("apt", "python3-six", "added", "", "1.16.0-4"),
        ("apt", "vim", "removed", "", ""),
        ("conda", "openssl", "changed", "3.0.1", "3.0.2"),
        ("conda", "scikit-learn", "added", "", "1.5.1"),
    ]


def test_what_every_container_has_is_no_change() -> None:
    places = (Outside("/home/kernel", "bind"), Outside("/home/ada/work", "bind"))
    diff = ContainerDiff(
        "c",
        "i",
        outside=places,
        paths=(
            ChangedPath("/home", CHANGED, 0, True),
            *(ChangedPath(p, ADDED, 0, True) for p in ("/home/kernel", "/home/ada")),
            ChangedPath("/home/ada/work", ADDED, 0, True),
            ChangedPath("/usr/sbin/docker-init", ADDED, 0),
            ChangedPath("/usr/lib/x86_64-linux-gnu/libcuda.so.570.1", ADDED, 0),
            ChangedPath(f"{USER_BASE}/lib/python3.11/site-packages", ADDED, 0, True),
            ChangedPath("/etc", CHANGED, 0, True),
            ChangedPath("/etc/mine.conf", ADDED, 7),
            ChangedPath("/usr/lib/old.so", REMOVED),
        ),
    )
    assert [p.path for p in model.relevant(diff)] == ["/etc/mine.conf", "/usr/lib/old.so"]


def test_a_users_packages_are_told_from_their_empty_folders() -> None:
    folder = f"{USER_BASE}/lib/python3.11/site-packages"
    assert not model.uses_user_base([ChangedPath(folder, ADDED, 0, True)])
    assert not model.uses_user_base([ChangedPath(f"{folder}/__pycache__", ADDED, 0, True)])
    assert model.uses_user_base(added(f"{folder}/greeting.py"))


def test_sizes_by_folder() -> None:
    paths = [
        *added(f"{SITE}/a.py", f"{SITE}/b/c.py", "/opt/tool/x/y/z", "/top"),
        ChangedPath("/opt/tool/x", ADDED, 0, True),
        ChangedPath("/var/cache/apt/big.deb", ADDED, 5000),
    ]
    assert model.folder_changes(paths) == (
        FolderChange("/var/cache", 1, 5000),
        FolderChange(SITE, 2, 20),
        FolderChange("/", 1, 10),
        FolderChange("/opt/tool/x", 1, 10),
    )
    many = model.folder_changes(added(*(f"/d{n}/e/f" for n in range(40))))
    assert len(many) == model.LARGEST
    assert sum(one.files for one in many) == 40
    assert many[-1].folder == "elsewhere"


@pytest.mark.parametrize(
    "path",
    [
        *("/root/.netrc", "/srv/id_rsa", "/root/.ssh/work_key", "/x/server.pem", "/x/tls.key"),
        *("/root/.aws/credentials", "/root/.docker/config.json", "/root/.pypirc", "/root/.npmrc"),
        *("/root/.condarc", "/etc/pip.conf", "/root/.config/pip/pip.conf", "/app/.env"),
        *("/root/.cache/huggingface/token", "/root/.kaggle/kaggle.json", "/root/.git-credentials"),
        *("/root/.kube/config", "/opt/my-service-account-1.json", "/srv/.env.production"),
        *("/root/.config/gcloud/application_default_credentials.json", "/root/.pgpass"),
    ],
)
def test_names_of_credentials(path: str) -> None:
    (found,) = model.credential_files(added(path))
    assert (found.path, bool(found.reason)) == (path, True)
    assert not model.credential_files([ChangedPath(path, REMOVED)])
    assert not model.credential_files([ChangedPath(path, ADDED, 0, True)])


@pytest.mark.parametrize(
    "path",
    [
        *("/root/.ssh/known_hosts", "/root/.ssh/id_rsa.pub", "/root/.ssh/authorized_keys"),
        *(f"{SITE}/certifi/cacert.pem", "/etc/ssl/certs/x.pem", f"{SITE}/a/b.key"),
        *("/usr/share/doc/x/key.pem", "/srv/keyboard.py", "/srv/.env.example", "/srv/token"),
    ],
)
def test_harmless_names(path: str) -> None:
    assert why_credential(path) is None


BASE = Image("sha256:" + "1" * 64, ("torch:2",), (f"torch@sha256:{'2' * 64}",))


def test_the_recipe() -> None:
    recipe = make_recipe(
        BASE,
        (
            PackageChange("apt", "curl", ADDED, after="8.1-1"),
            PackageChange("conda", "openssl", CHANGED, "3.0.1", "3.0.2", "h_0"),
            PackageChange("pip", "numpy", CHANGED, "1", "2.1.0"),
            PackageChange("pip", "gone", REMOVED, "3"),
        ),
        user="jovyan",
        command=("env", "A=1", "/opt/conda/bin/python3.12", "-m", "ipykernel_launcher"),
        others=3,
    )
    lines = recipe.dockerfile.splitlines()
    assert lines[:3] == ["# torch:2", f"FROM torch@sha256:{'2' * 64}", "USER root"]
    assert "USER jovyan" in lines
    assert any("/opt/conda/bin/python3.12 -m pip install" in line for line in lines)
    assert "gone (pip)" in recipe.dockerfile
    assert "3 files that no package explains" in recipe.dockerfile
    assert recipe.files == {
        APT_LOCK: "curl=8.1-1\n",
        CONDA_LOCK: "openssl=3.0.2=h_0\n",
        PIP_LOCK: "numpy==2.1.0\n",
    }


def test_nothing_of_a_stranger_reaches_a_shell() -> None:
    recipe = make_recipe(
        BASE,
        (PackageChange("pip", "a", ADDED, after="1"),),
        user="x; rm -rf /",
        command=("/bin/$(id)/python3",),
    )
    assert "rm -rf /;" not in recipe.dockerfile
    assert "x;" not in recipe.dockerfile
    assert "$(" not in recipe.dockerfile


@given(st.text(max_size=60), st.text(max_size=30))
def test_any_path_can_be_read(name: str, version: str) -> None:
    """And what comes of it has no character that a shell or a lock file would take amiss."""
    plain = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-_!~:")
    paths = [
        *added(f"{SITE}/{name}-{version}.dist-info", f"/opt/conda-meta/{name}-{version}-0.json"),
        *added(f"/opt/x/conda-meta/{name}-{version}-0.json", f"/var/lib/dpkg/info/{name}.list"),
    ]
    for change in model.package_changes(paths, {name: version}):
        assert set(change.name + (change.after or "") + change.build) <= plain
    model.credential_files(paths)
    model.folder_changes(paths)
