"""The preview of a commit as openapi.yaml's JSON; pure functions."""

from __future__ import annotations

from typing import Any

from jupyter_gpu_containers.model.image.changes import Changes, LeftOut, PackageChange

Json = dict[str, Any]


def changes_model(changes: Changes) -> Json:
    """Schema ``Changes``."""
    return {
        "image": changes.image,
        "image_id": changes.image_id,
        "size": changes.size,
        "added": changes.added,
        "changed": changes.changed,
        "removed": changes.removed,
        "folders": [
            {"folder": one.folder, "files": one.files, "size": one.size} for one in changes.folders
        ],
        "packages": [_package(one) for one in changes.packages],
        "credentials": [{"path": one.path, "reason": one.reason} for one in changes.credentials],
        "left_out": [_left_out(one) for one in changes.left_out],
        "dockerfile": changes.dockerfile,
        "files": dict(changes.files),
    }


def _package(change: PackageChange) -> Json:
    return {
        "manager": change.manager,
        "name": change.name,
        "kind": change.kind.value,
        "before": change.before,
        "after": change.after,
    }


def _left_out(one: LeftOut) -> Json:
    return {
        "path": one.path,
        "reason": one.reason,
        "size": one.size,
        "packages": list(one.packages),
    }
