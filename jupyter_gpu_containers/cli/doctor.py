"""``doctor``: shows what the checks say, and writes it down for a bug report."""

from __future__ import annotations

import os
import textwrap
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from jupyter_core.paths import ENV_CONFIG_PATH, jupyter_config_path, jupyter_path
from jupyter_server.extension.config import ExtensionConfigManager
from jupyterlab_server.config import get_page_config

from jupyter_gpu_containers.service.doctor.checks import check_all
from jupyter_gpu_containers.service.doctor.facts import read_facts
from jupyter_gpu_containers.service.doctor.findings import Facts, Finding, Level
from jupyter_gpu_containers.service.services import Services

from .bundle import write_bundle
from .outcome import Outcome
from .tables import Style

SERVER_EXTENSION = "jupyter_gpu_containers"
LAB_EXTENSION = "jupyter-gpu-containers"
MARK = 9  # columns of the first column
_MARKS = {Level.OK: ("OK", "good"), Level.NOTE: ("–", "dim"), Level.PROBLEM: ("PROBLEM", "bad")}


async def doctor(services: Services, arguments: Any) -> Outcome:
    """Check everything; the status is 1 when there is a problem."""
    findings = check_all(await _all_facts(services))
    healthy = all(finding.level is not Level.PROBLEM for finding in findings)
    model: dict[str, Any] = {"ok": healthy, "checks": [asdict(finding) for finding in findings]}
    written = ""
    if arguments.report is not None:
        path, parts = await write_bundle(services, model["checks"], arguments.report)
        model["report"] = str(path)
        written = f"\n\nWrote {path}: {', '.join(parts)}.\nPlease look into it before you send it."
    status = 0 if healthy else 1
    return Outcome(model, lambda style: _text(findings, style) + written, status)


def _text(findings: list[Finding], style: Style) -> str:
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        mark, kind = _MARKS[finding.level]
        indent = " " * (MARK + width + 2)
        room = max(40, (style.width or 10_000) - len(indent))
        message = textwrap.wrap(finding.message, room, break_long_words=False) or [""]
        lines.append(f"{style.paint(f'{mark:<{MARK}}', kind)}{finding.name:<{width}}  {message[0]}")
        lines += [indent + line for line in message[1:]]
        if finding.advice:
            advice = textwrap.wrap(f"hint: {finding.advice}", room, break_long_words=False)
            lines += [indent + line for line in advice]
        if finding.fix:  # not wrapped: it is there to be copied
            lines.append(indent + style.paint(f"fix: {finding.fix}", "bold"))
    return "\n".join(lines)


async def _all_facts(services: Services) -> Facts:
    """What anybody can find out, and how Jupyter is set up."""
    return replace(
        await read_facts(services),
        server_extension=server_extension_enabled(),
        own_python=own_python(),
        lab_extension=lab_extension_enabled(),
    )


def own_python() -> bool:
    """Tell whether this user may change Jupyter's configuration in the Python environment."""
    return all(os.access(folder, os.W_OK) for folder in ENV_CONFIG_PATH if os.path.isdir(folder))


def server_extension_enabled() -> bool:
    """Tell whether Jupyter Server's configuration enables the extension."""
    manager: Any = ExtensionConfigManager(read_config_path=jupyter_config_path())
    return bool(manager.enabled(SERVER_EXTENSION))


def lab_extension_enabled() -> bool | None:
    """Tell whether JupyterLab loads the extension; None where its files are not there."""
    folders = jupyter_path("labextensions")
    if not any(Path(folder, LAB_EXTENSION, "package.json").is_file() for folder in folders):
        return None
    disabled = get_page_config(folders).get("disabledExtensions", {})
    return not any(
        name.partition(":")[0] == LAB_EXTENSION and off
        for name, off in (
            disabled.items() if isinstance(disabled, dict) else ((one, True) for one in disabled)
        )
    )
