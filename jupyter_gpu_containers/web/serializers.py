"""Values of the model as openapi.yaml's JSON; pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import Any

from jupyter_gpu_containers import __version__
from jupyter_gpu_containers.model.fitness.verdict import Verdict, verdict_document
from jupyter_gpu_containers.model.gpu.device import Gpu, Problem
from jupyter_gpu_containers.model.gpu.load import GpuLoad
from jupyter_gpu_containers.model.image.catalogue import familiar
from jupyter_gpu_containers.model.image.framework import describe
from jupyter_gpu_containers.model.image.image import Image
from jupyter_gpu_containers.model.job import Job
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.idle import Idleness
from jupyter_gpu_containers.model.kernel.launch import Launch, Policy, PullProgress
from jupyter_gpu_containers.model.queue import QueuePlace
from jupyter_gpu_containers.service.doctor.findings import Finding
from jupyter_gpu_containers.service.gpu.usage import GpuUsage, GpuUse, Holder
from jupyter_gpu_containers.service.policy import Gate
from jupyter_gpu_containers.service.pool.pool import SpareRules, Standing
from jupyter_gpu_containers.service.status import Status

Json = dict[str, Any]


def time_text(seconds: float) -> str:
    """Return seconds since the epoch as RFC 3339 in UTC."""
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def problem_model(problem: Problem | None) -> Json | None:
    """Schema ``Error``, or null."""
    if problem is None:
        return None
    words = {"code": problem.code, "message": problem.message, "hint": problem.hint}
    return {**words, "log": problem.log} if problem.log else words


def status_model(
    status: Status, standing: Sequence[Standing] = (), findings: Iterable[Finding] = ()
) -> Json:
    """Schema ``Status``."""
    engine = status.engine
    memory = [one.memory for one in standing if one.memory is not None]
    return {
        "version": __version__,
        "backend": "memory" if status.demo else "docker",
        "demo": status.demo,
        "engine": engine
        and {
            "name": engine.name,
            "version": engine.version,
            "api_version": engine.api_version,
        },
        "problem": problem_model(status.problem),
        "spares": {
            "count": len(standing),
            "memory": sum(memory) if memory else None,
            "gpus": sum(len(one.spare.gpus) for one in standing),
        },
        "findings": [
            {"name": one.name, "message": one.message, "fix": one.fix, "advice": one.advice}
            for one in findings
        ],
    }


def gpus_model(usage: GpuUsage, most: int | None = None) -> Json:
    """Schema ``Gpus``; ``most`` is what a kernel may have."""
    driver = usage.snapshot.driver
    return {
        "driver": driver and {"version": driver.version, "cuda_version": driver.cuda_version},
        "problem": problem_model(usage.snapshot.problem),
        "gpus": [gpu_model(use) for use in usage.uses],
        "max_per_kernel": most,
        "links": [
            {"gpus": list(pair), "name": link.name, "distance": link.distance}
            for pair, link in usage.snapshot.links.items()
        ],
    }


def limits_model(policy: Policy, gate: Gate) -> Json:
    """Schema ``Limits``: defaults are the policy's, the most is what the rules allow."""
    return {
        "memory": {"default": policy.memory, "max": gate.max_memory},
        "shm_size": {"default": policy.shm_size, "max": gate.max_memory},
        "gpus": {"max": gate.max_gpus},
        "mounts": [
            {"name": name, "path": mount.target, "read_only": mount.read_only, "default": True}
            for name, mount in policy.data_mounts.items()
        ],
        "networks": [network.value for network in gate.networks],
        "ram": gate.ram,
    }


def spares_model(standing: Iterable[Standing], rules: SpareRules) -> Json:
    """Schema ``Spares``."""
    return {
        "max": rules.total if rules.each else 0,
        "spares": [
            {
                "environment": one.spare.environment.name,
                "display_name": one.spare.environment.display_name,
                "container_id": one.spare.container_id,
                "ready": one.ready,
                "memory": one.memory,
                "gpus": [gpu.uuid for gpu in one.spare.gpus],
            }
            for one in standing
        ],
    }


def gpu_model(use: GpuUse) -> Json:
    """Schema ``Gpu``."""
    gpu = use.gpu
    return {
        "uuid": gpu.uuid,
        "index": gpu.index,
        "name": gpu.name,
        "memory_total": gpu.memory_total,
        "memory_used": gpu.memory_used,
        "memory_free": gpu.memory_free,
        "utilization": gpu.utilization,
        "compute_capability": _capability(gpu),
        "mig_profile": gpu.mig_profile,
        "parent_uuid": gpu.parent_uuid,
        "state": use.state.value,
        "problem": problem_model(use.problem),
        "slots": use.slots,
        "slots_used": len(use.holders),
        "holder": use.holder and holder_model(use.holder),
        "holders": [holder_model(holder) for holder in use.holders],
    }


def _capability(gpu: Gpu) -> str | None:
    capability = gpu.compute_capability
    return f"{capability[0]}.{capability[1]}" if capability else None


def holder_model(holder: Holder) -> Json:
    """Schema ``Holder``."""
    return {
        "container_id": holder.container_id,
        "kernel_id": holder.kernel_id,
        "environment": holder.environment,
        "display_name": holder.display_name,
        "notebook": holder.notebook,
        "owner": holder.owner,
        "mine": holder.mine,
        "memory_used": holder.memory_used,
        "since": None if holder.since is None else time_text(holder.since),
        "mean_utilization": holder.mean_utilization,
    }


def gpu_load_model(loads: Iterable[GpuLoad], at: float) -> Json:
    """Data of the event ``gpu-load/v1``; ``at`` in seconds since the epoch."""
    return {
        "at": time_text(at),
        "gpus": [
            {
                "uuid": load.uuid,
                "memory_used": load.memory_used,
                "utilization": load.utilization,
                "holders": [
                    {"container_id": holder.container_id, "memory_used": holder.memory_used}
                    for holder in load.holders
                ],
            }
            for load in loads
        ],
    }


def image_model(image: Image, problem: Problem | None, verdict: Json | None = None) -> Json:
    """Schema ``Image``."""
    known = describe(image)
    framework = known.framework
    return {
        "id": image.id,
        "references": list(image.references),
        "digests": [familiar(digest) for digest in image.repo_digests],
        "size": image.size,
        "created": time_text(image.created),
        "architecture": image.architecture,
        "framework": framework and {"name": framework.name, "version": framework.version},
        "cuda": known.cuda,
        "python": known.python,
        "kernels": image.probe
        and [
            {
                "name": k.name,
                "display_name": k.display_name,
                "language": k.language,
                "carried": k.runtime is not None,
            }
            for k in image.probe.kernels
        ],
        "problem": problem_model(problem),
        "verdict": verdict,
    }


def verdict_model(verdict: Verdict | None) -> Json | None:
    """Schema ``Verdict``, or null."""
    return None if verdict is None else verdict_document(verdict)


def environment_model(environment: Environment, problem: Problem | None) -> Json:
    """Schema ``Environment``."""
    return {
        "name": environment.name,
        "display_name": environment.display_name,
        "reference": environment.reference,
        "image_id": environment.image_id,
        "kernel": environment.kernel.name,
        "gpus": environment.gpus,
        "gpu_profile": environment.gpu_profile,
        "gpu_uuids": list(environment.gpu_uuids),
        "memory": environment.memory,
        "shm_size": environment.shm_size,
        "network": environment.network.value if environment.network else None,
        "idle_timeout": environment.idle_timeout,
        "mounts": None if environment.mounts is None else list(environment.mounts),
        "problem": problem_model(problem),
    }


def launch_model(launch: Launch) -> Json:
    """Schema ``Launch``; also the data of the event ``launch/v1``."""
    return {
        "id": launch.id,
        "environment": launch.environment,
        "display_name": launch.display_name,
        "image": launch.image,
        "path": launch.path,
        "kernel_id": launch.kernel_id,
        "container_id": launch.container_id,
        "gpus": list(launch.gpus),
        "phase": launch.phase.value,
        "phases": [{"phase": p.phase.value, "at": time_text(p.at)} for p in launch.phases],
        "error": problem_model(launch.error),
        "recovered": launch.recovered,
        "queue": queue_model(launch.queue),
        "pull": pull_model(launch.pull),
        "warnings": [problem_model(warning) for warning in launch.warnings],
        "idle": idle_model(launch.idle),
    }


def idle_model(idle: Idleness | None) -> Json | None:
    """Schema ``Idleness``, or null."""
    if idle is None:
        return None
    return {"since": time_text(idle.since), "stop_at": time_text(idle.stop_at)}


def pull_model(pull: PullProgress | None) -> Json | None:
    """Schema ``PullProgress``, or null."""
    if pull is None:
        return None
    return {
        "job": pull.job,
        "current": pull.current,
        "total": pull.total,
        "speed": None if pull.speed is None else round(pull.speed),
        "eta": None if pull.eta is None else round(pull.eta),
    }


def queue_model(place: QueuePlace | None) -> Json | None:
    """Schema ``QueuePlace``, or null."""
    if place is None:
        return None
    return {
        "position": place.position,
        "length": place.length,
        "gpus": place.gpus,
        "since": time_text(place.since),
        "estimate": None if place.estimate is None else round(place.estimate),
        "holders": list(place.holders),
    }


def job_model(job: Job) -> Json:
    """Schema ``Job``; also the data of the event ``job/v1``."""
    return {
        "id": job.id,
        "kind": job.kind.value,
        "reference": job.reference,
        "state": job.state.value,
        "created": time_text(job.created),
        "ended": None if job.ended is None else time_text(job.ended),
        "current": job.current,
        "total": job.total,
        "speed": job.speed,
        "eta": job.eta,
        "image_id": job.image_id,
        "error": problem_model(job.error),
        "steps": [
            {
                "id": step.id,
                "status": step.status,
                "current": step.current,
                "total": step.total,
                "done": step.done,
            }
            for step in job.steps
        ],
        "log": list(job.log),
    }
