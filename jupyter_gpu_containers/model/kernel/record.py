"""What a Jupyter server must remember of a kernel to find it again after its own death."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.gpu.device import Problem

from .container import Mount
from .environment import Environment
from .launch import Caller, Launch, Phase, PhaseTime, Seat

FORMAT = 1


def is_kernel_id(text: str) -> bool:
    """Tell whether a text is a UUID as Jupyter writes its kernels' ids."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


@dataclass(frozen=True)
class SessionRow:
    """A session of Jupyter Server (``GET /api/sessions``) that uses the kernel."""

    id: str
    path: str
    name: str
    type: str  # "notebook", "console", …


@dataclass(frozen=True)
class KernelRecord:
    """A kernel of this server. Written before its container is created, and when it answers."""

    kernel_id: str
    server: str
    environment: Environment  # as it was when the kernel started
    seat: Seat
    launch: Launch
    connection: Mapping[str, Any]  # as in a connection file; with the key
    container_id: str = ""  # "" until the kernel has answered for the first time
    gpus: tuple[str, ...] = ()  # UUIDs
    memory: int | None = None  # bytes, the limit in force
    sessions: tuple[SessionRow, ...] = ()

    @property
    def answered(self) -> bool:
        """Whether there is something to lose: a kernel that ran."""
        return bool(self.container_id)

    @property
    def over(self) -> bool:
        """Whether somebody shut the kernel down: only its container may still have to go."""
        return self.launch.phase.final

    def to_document(self) -> dict[str, Any]:
        """Return it as JSON."""
        connection = dict(self.connection)
        if isinstance(connection.get("key"), bytes):
            connection["key"] = connection["key"].decode()
        return {
            "format": FORMAT,
            "kernel_id": self.kernel_id,
            "server": self.server,
            "environment": {
                "name": self.environment.name,
                "kernelspec": self.environment.to_kernelspec(),
            },
            "seat": asdict(self.seat),
            "launch": {
                "display_name": self.launch.display_name,
                "image": self.launch.image,
                "path": self.launch.path,
                "phases": [[time.phase.value, time.at] for time in self.launch.phases],
                # those with which it was started; later ones are told anew where they still hold
                "warnings": [asdict(warning) for warning in self.launch.warnings],
            },
            "connection": connection,
            "container_id": self.container_id,
            "gpus": list(self.gpus),
            "memory": self.memory,
            "sessions": [asdict(row) for row in self.sessions],
        }

    @classmethod
    def from_document(cls, data: Mapping[str, Any]) -> KernelRecord:
        """Read it again.

        Raises
        ------
        ValueError
            It is damaged, or of another version of this program.
        """
        try:
            if data["format"] != FORMAT:
                raise ValueError(f"format {data['format']}")
            kernel_id = str(data["kernel_id"])
            if not is_kernel_id(kernel_id):
                raise ValueError("not a kernel's id")
            name = str(data["environment"]["name"])
            environment = Environment.from_kernelspec(name, data["environment"]["kernelspec"])
            if environment is None:
                raise ValueError("not an environment")
            seat, launch = data["seat"], data["launch"]
            return cls(
                kernel_id=kernel_id,
                server=str(data["server"]),
                environment=environment,
                seat=Seat(
                    **{
                        **seat,
                        "caller": Caller(**seat["caller"]),
                        "workspace": Mount(**seat["workspace"]),
                        "hidden": tuple(seat["hidden"]),
                    }
                ),
                launch=Launch(
                    kernel_id,
                    environment=name,
                    display_name=str(launch["display_name"]),
                    image=str(launch["image"]),
                    path=str(launch["path"]),
                    kernel_id=kernel_id,
                    container_id=str(data["container_id"]) or None,
                    gpus=tuple(data["gpus"]),
                    phases=tuple(
                        PhaseTime(Phase(phase), float(at)) for phase, at in launch["phases"]
                    ),
                    warnings=tuple(Problem(**warning) for warning in launch.get("warnings", ())),
                ),
                connection=dict(data["connection"]),
                container_id=str(data["container_id"]),
                gpus=tuple(str(gpu) for gpu in data["gpus"]),
                memory=None if data["memory"] is None else int(data["memory"]),
                sessions=tuple(SessionRow(**row) for row in data["sessions"]),
            )
        except (AttributeError, KeyError, TypeError, InvalidRequestError) as exc:
            raise ValueError(f"damaged: {exc!r}") from exc

    def with_sessions(self, rows: tuple[SessionRow, ...]) -> KernelRecord:
        """Return it with other sessions."""
        return replace(self, sessions=rows)
