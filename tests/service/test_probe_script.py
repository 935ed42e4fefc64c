"""The container that looks inside an image, and the script that it runs."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

from jupyter_gpu_containers.model.image.image import ImageProbe
from jupyter_gpu_containers.model.kernel.container import ContainerSpec, Network
from jupyter_gpu_containers.runtime.probe import (
    SCRIPT,
    make_probe_spec,
    parse_probe,
)


def test_the_container_that_looks_inside_has_no_rights() -> None:
    spec = make_probe_spec("sha256:1", owner="o", user="ada")
    assert spec == ContainerSpec(
        image="sha256:1",
        command=("/bin/sh", "-c", SCRIPT),
        name=spec.name,
        user="65534:65534",
        working_dir="/",
        labels={
            "jupyter-gpu-containers.version": "1",
            "jupyter-gpu-containers.purpose": "probe",
            "jupyter-gpu-containers.owner": "o",
            "jupyter-gpu-containers.user": "ada",
        },
        env={"HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"},
        gpus=(),
        mounts=(),
        memory=512 << 20,
        pids_limit=64,
        cap_add=(),
        network=Network.NONE,
        hostname="probe",
    )


def test_the_script_runs_in_a_posix_shell_and_finds_this_machines_python() -> None:
    ran = subprocess.run(
        ["/bin/sh", "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stderr == ""
    assert (parse_probe(ran.stdout).python or "").startswith("3.")


def test_the_script_needs_no_python(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "printf").symlink_to("/usr/bin/printf")
    ran = subprocess.run(
        ["/bin/sh", "-c", SCRIPT.replace("/usr/", "/nowhere/").replace("/opt/", "/nowhere/")],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": str(tmp_path)},
        timeout=60,
    )
    assert parse_probe(ran.stdout) == ImageProbe()


def test_the_script_finds_kernels_where_there_is_no_python(tmp_path: Path) -> None:
    """R with its own packages and with Debian's, of which one has a kernelspec; by plain files."""
    for home in ("usr/local/lib/R", "usr/lib/R"):
        for folder in ("library", "site-library"):
            (tmp_path / home / folder / "IRkernel").mkdir(parents=True)
            (tmp_path / home / folder / "IRkernel" / "DESCRIPTION").write_text("Version: 1.3.2")
    spec = {"argv": ["/x", "{connection_file}"], "display_name": "S", "language": "scala"}
    for folder in ("opt/conda/envs/scala/share/jupyter/kernels/scala", "usr/lib/R/bin", "bin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "opt/conda/envs/scala/share/jupyter/kernels/scala/kernel.json").write_text(
        json.dumps(spec)
    )
    (tmp_path / "usr/lib/R/bin/R").write_text("")
    (tmp_path / "usr/lib/R/bin/R").chmod(0o755)
    (tmp_path / "bin" / "head").symlink_to("/usr/bin/head")
    script = SCRIPT
    for folder in ("/usr/", "/opt/", "/venv/"):
        script = script.replace(folder, f"{tmp_path}{folder}")
    ran = subprocess.run(
        ["/bin/sh", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": f"{tmp_path}/bin"},
        timeout=60,
    )
    assert ran.stderr == ""
    assert [(kernel.name, kernel.argv[0]) for kernel in parse_probe(ran.stdout).kernels] == [
        ("scala", "/x"),
        ("ir", f"{tmp_path}/usr/lib/R/bin/R"),
    ]


def test_the_scripts_python_part_tells_facts() -> None:
    code = SCRIPT.partition("PYTHON='")[2].partition("'")[0]
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    found = json.loads(ran.stdout)
    assert found.pop("libc").startswith(("glibc 2.", "musl"))
    assert found == {
        "version": ".".join(map(str, sys.version_info[:3])),
        "prefix": sys.prefix,
        "executable": sys.executable,
        "ipykernel": True,
        "debugpy": True,
        "implementation": "cpython",
        "abiflags": "",
        "machine": platform.machine(),
    }
