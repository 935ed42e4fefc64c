"""Samples of what the REST API tells: each function returns one that is well, and takes changes."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

Sample = dict[str, Any]

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=timezone.utc)  # of pages whose clock stands still
GIB = 1024**3
GB = 10**9
PYTORCH = "nvcr.io/nvidia/pytorch:25.08-py3"
RAPIDS = "rapidsai/base:25.08-cuda12.9-py3.12"
SCIPY = "quay.io/jupyter/scipy-notebook:python-3.12"
TEAM = "registry.example.org/vision/train:2026.11"


def ago(minutes: float) -> str:
    """A time before `NOW`, as the server tells it."""
    return (NOW - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def identity(*words: object) -> str:
    """The same UUID for the same words."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, " ".join(map(str, words))))


STATUS: Sample = {
    "version": "0.1.0",
    "backend": "docker",
    "demo": False,
    "engine": {"name": "Docker Engine", "version": "28.4.0", "api_version": "1.51"},
    "problem": None,
    "spares": {"count": 0, "memory": None, "gpus": 0},
    "findings": [],
}

# What kernels may have; pages ask for it once.
LIMITS: Sample = {
    "memory": {"default": 32 * GIB, "max": 128 * GIB},
    "shm_size": {"default": 2 * GIB, "max": 64 * GIB},
    "gpus": {"max": 4},
    "mounts": [
        {"name": "imagenet", "path": "/data/imagenet", "read_only": True, "default": True},
        {"name": "scratch", "path": "/data/scratch", "read_only": False, "default": False},
    ],
    "networks": ["bridge", "none"],
    "ram": 128 * GIB,
}


# --- GPUs ----------------------------------------------------------------------------------------


def gpu_uuid(index: int) -> str:
    """The UUID of a GPU of the samples."""
    return f"GPU-{identity('gpu', index)}"


def holder(notebook: str, memory: float = 0.0, **changes: Any) -> Sample:
    """A container of ours on a GPU, with so many GiB of its memory."""
    return {
        "container_id": identity("container", notebook).replace("-", "") * 2,
        "kernel_id": identity("kernel", notebook),
        "environment": "pytorch-25-08",
        "display_name": "PyTorch 25.08 · 1 GPU",
        "notebook": notebook,
        "owner": "mara",
        "mine": True,
        "memory_used": int(memory * GIB),
        "since": ago(188),
        "mean_utilization": 41 if changes.get("mine", True) else None,
        **changes,
    }


def gpu(index: int, used: float = 0.0, load: int = 0, total: float = 80, **changes: Any) -> Sample:
    """A GPU with so many GiB in use, at a load in percent."""
    holders = changes.get("holders", [])
    return {
        "uuid": gpu_uuid(index),
        "index": index,
        "name": "NVIDIA H100 80GB HBM3",
        "memory_total": int(total * GIB),
        "memory_used": int(used * GIB),
        "memory_free": int((total - used) * GIB),
        "utilization": load,
        "compute_capability": "9.0",
        "mig_profile": None,
        "parent_uuid": None,
        "state": "claimed" if holders else "free",
        "problem": None,
        "slots": 1,
        "slots_used": len(holders),
        "holder": holders[0] if holders else None,
        "holders": holders,
        **changes,
    }


def gpus(found: Iterable[Sample], **changes: Any) -> Sample:
    """The answer of `GET gpus`."""
    return {
        "driver": {"version": "580.95.05", "cuda_version": "13.0"},
        "problem": None,
        "gpus": list(found),
        "links": [],
        "max_per_kernel": None,
        **changes,
    }


# --- images --------------------------------------------------------------------------------------


def verdict(rating: str = "compatible", *reasons: Sample) -> Sample:
    """Whether an image runs here."""
    return {
        "verdict": rating,
        "gpus": [
            {
                "index": 0,
                "verdict": rating,
                "driver": "native",
                "arch": "ok",
                "requirement": "pass",
                "reasons": list(reasons),
            }
        ],
        "reasons": [],
    }


def reason(message: str, severity: str = "ok", evidence: str = "") -> Sample:
    """A finding of a verdict."""
    return {"code": "found", "message": message, "evidence": evidence, "severity": severity}


def image(reference: str, size: float = 8.0, **changes: Any) -> Sample:
    """An image of so many GiB."""
    return {
        "id": f"sha256:{identity('image', reference).replace('-', '') * 2}",
        "references": [reference],
        "digests": [],
        "size": int(size * GIB),
        "created": ago(60 * 24 * 30),
        "architecture": "amd64",
        "framework": {"name": "PyTorch", "version": "25.08"},
        "cuda": "13.0",
        "python": "3.12",
        "kernels": [
            {
                "name": "python3",
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "carried": False,
            }
        ],
        "problem": None,
        "verdict": verdict(),
        **changes,
    }


# --- launches ------------------------------------------------------------------------------------


def launch(path: str, phase: str = "running", *, minutes: float = 20, **changes: Any) -> Sample:
    """A launch for a notebook, that was asked for so many minutes ago."""
    order = ["queued", "pulling", "waiting", "creating", "starting", "running"]
    passed = {"running": ["queued", "creating", "starting"], "failed": ["queued", "creating"]}
    before = passed.get(phase, ["queued"] if phase in order[1:] else [])
    kernel = identity("kernel", path, minutes)
    return {
        "id": kernel,
        "environment": "pytorch-25-08",
        "display_name": "PyTorch 25.08 · 1 GPU",
        "image": PYTORCH,
        "path": path,
        "kernel_id": kernel if phase in ("starting", "running") else None,
        "container_id": None,
        "gpus": [],
        "phase": phase,
        "phases": [
            {"phase": name, "at": ago(minutes - 0.05 * number)}
            for number, name in enumerate([*before, phase])
        ],
        "error": None,
        "queue": None,
        "idle": None,
        "pull": None,
        "recovered": False,
        "warnings": [],
        **changes,
    }


def place(
    position: int, length: int, *holders: str, gpus: int = 1, estimate: int | None = None
) -> Sample:
    """A place in the queue for GPUs."""
    return {
        "position": position,
        "length": length,
        "gpus": gpus,
        "since": ago(6),
        "estimate": estimate,
        "holders": list(holders),
    }


# --- jobs ----------------------------------------------------------------------------------------


def job(kind: str, reference: str, state: str = "running", **changes: Any) -> Sample:
    """A pull, push, build or commit."""
    over = state in ("succeeded", "failed", "cancelled")
    return {
        "id": identity("job", kind, reference, state),
        "kind": kind,
        "reference": reference,
        "state": state,
        "created": ago(2),
        "ended": ago(0) if over else None,
        "current": 0,
        "total": None,
        "speed": None,
        "eta": None,
        "image_id": None,
        "error": None,
        "steps": [],
        "log": [],
        **changes,
    }


def step(number: int, status: str, current: float = 0, total: float | None = None) -> Sample:
    """A layer, of so many MB."""
    return {
        "id": identity("layer", number).replace("-", "")[:12],
        "status": status,
        "current": int(current * 10**6),
        "total": None if total is None else int(total * 10**6),
        "done": status in ("Pull complete", "Already exists"),
    }
