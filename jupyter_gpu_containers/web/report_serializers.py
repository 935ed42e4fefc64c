"""The report on GPU use as openapi.yaml's JSON; pure functions."""

from __future__ import annotations

from jupyter_gpu_containers.model.accounting.report import Report, Row, Sums

from .serializers import Json, time_text


def report_model(report: Report) -> Json:
    """Schema ``Report``."""
    return {
        "since": time_text(report.since),
        "until": time_text(report.until),
        "by": report.by.value,
        "rows": [_row_model(row) for row in report.rows],
        "total": _sums_model(report.total),
    }


def _row_model(row: Row) -> Json:
    return {
        "user": row.user,
        "notebook": row.notebook,
        "kernel": row.kernel,
        "environment": row.environment,
        "image": row.image,
        "gpus": [{"uuid": uuid, "index": index} for uuid, index in row.gpus],
        "kernels": row.kernels,
        "waiting": row.waiting,
        "first": time_text(row.first),
        "last": time_text(row.last),
        "running": row.running,
        **_sums_model(row.sums),
    }


def _sums_model(sums: Sums) -> Json:
    idle = sums.idle_share
    return {
        "held_s": round(sums.held, 3),
        "sampled_s": round(sums.sampled, 3),
        "used_s": None if idle is None else round(sums.used, 3),
        "idle_share": None if idle is None else round(idle, 4),
        "energy_j": None if sums.energy is None else round(sums.energy, 3),
        "metered_s": round(sums.metered, 3),
    }
