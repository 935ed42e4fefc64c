"""Fetches the packages of a kernel runtime with pip, for another Python than the one that runs.

A program of its own, started by carried_fetch.py with one argument, a JSON object: ``folder`` to
fill, ``python`` ("3.9"), ``machine`` ("x86_64"), ``abis``, ``platforms``, ``requirement`` and
``limits`` (more requirements, of what the first one needs). pip's
settings (index, proxy, certificate) are the machine's own.

pip chooses wheels for a foreign Python, but evaluates markers such as ``python_version < "3.11"``
for the one that runs it, and would leave out what only the other needs; hence `answer_for`.
"""

from __future__ import annotations

import email.parser
import json
import re
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

PACKAGES = "lib"
TABLE = "distributions.json"


def answer_for(python: str, machine: str) -> None:
    """Let pip's markers be those of the target."""
    from pip._vendor.packaging import markers

    own = markers.default_environment
    target = {
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }

    def environment() -> Any:
        return {**own(), **target}

    markers.default_environment = environment


def download(job: dict[str, Any], wheels: Path) -> int:
    """Run ``pip download``; return its exit status."""
    from pip._internal.cli.main import main

    arguments = ["download", "--quiet", "--no-input", "--disable-pip-version-check"]
    arguments += ["--only-binary=:all:", "--implementation=cp", f"--dest={wheels}"]
    arguments += [f"--python-version={job['python']}"]
    arguments += [f"--abi={abi}" for abi in job["abis"]]
    arguments += [f"--platform={platform}" for platform in job["platforms"]]
    return int(main([*arguments, job["requirement"], *job["limits"]]))


def unpack(wheel: Path, packages: Path) -> None:
    """Unpack what can be imported; scripts, headers and shared data are not needed."""
    data = re.compile(r"[^/]+\.data/(?:purelib|platlib)/(.+)")
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            name = member.filename
            if name.split("/")[0].endswith(".data"):
                match = data.fullmatch(name)
                if match is None:
                    continue
                member.filename = match[1]
            archive.extract(member, packages)  # keeps to the folder, whatever the name says


def canonical(name: str) -> str:
    """Return a distribution's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def table(packages: Path, requirement: str) -> dict[str, Any]:
    """Describe what was unpacked: modules and needs of each distribution, "" for the whole."""
    from pip._vendor.packaging.requirements import Requirement

    def needs(lines: list[str]) -> dict[str, str]:
        found = [Requirement(line) for line in lines]
        return {
            canonical(one.name): str(one.specifier)
            for one in found
            if one.marker is None or one.marker.evaluate({"extra": ""})
        }

    rows: dict[str, Any] = {"": {"modules": [], "requires": needs([requirement])}}
    for folder in sorted(packages.glob("*.dist-info")):
        metadata = email.parser.Parser().parsestr((folder / "METADATA").read_text("utf-8"), True)
        record = (folder / "RECORD").read_text("utf-8")
        tops = {line.split(",")[0].split("/")[0].strip('"') for line in record.splitlines()}
        rows[canonical(metadata["Name"])] = {
            "version": metadata["Version"],
            "modules": sorted(
                {
                    top.partition(".")[0]
                    for top in tops
                    if re.fullmatch(r"\w+(\.\w+\.so|\.py)?", top)
                }
            ),
            "requires": needs(metadata.get_all("Requires-Dist", [])),
        }
    return rows


def main() -> int:
    """Fill the folder; return the exit status."""
    del sys.path[0]  # this file's folder: its neighbours are not for pip
    job = json.loads(sys.argv[1])
    folder = Path(job["folder"])
    wheels, packages = folder / "wheels", folder / PACKAGES
    answer_for(job["python"], job["machine"])
    if status := download(job, wheels):
        return status
    packages.mkdir()
    for wheel in sorted(wheels.glob("*.whl")):
        unpack(wheel, packages)
    shutil.rmtree(wheels)
    rows = table(packages, job["requirement"])
    missing = {need for row in rows.values() for need in row["requires"] if need not in rows}
    if missing:
        print(f"not fetched, though needed: {', '.join(sorted(missing))}", file=sys.stderr)
        return 1
    (folder / TABLE).write_text(json.dumps(rows, indent=1), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
