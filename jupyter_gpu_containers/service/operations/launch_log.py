"""Lines of the log that carry the id of their launch, to be found and to be read by programs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar

from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.model.quoting import one_line

# Set where work on a launch begins, seen by all that it calls; each task has its own.
current: ContextVar[str | None] = ContextVar("jupyter_gpu_containers_launch", default=None)

TOLD = {Phase.PULLING, Phase.WAITING, Phase.RUNNING, Phase.FAILED, Phase.CANCELLED}
# Of a program such as papermill, which shows our lines amid its own: why it waits.
TOLD_BY_PROGRAMS = {Phase.PULLING, Phase.WAITING}


class LaunchFilter(logging.Filter):
    """Puts ``launch=ID`` before each line that is written by work on a launch.

    Programs that format records themselves find the id as ``launch_id``; it is "" in other lines.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Mark a record, once; all of them pass."""
        if not hasattr(record, "launch_id"):
            record.launch_id = launch_id = current.get() or ""
            if launch_id and launch_id not in record.getMessage():
                # the id may be one that a client chose: it is no part of the format
                record.msg = f"launch={launch_id.replace('%', '%%' if record.args else '%')} " + (
                    str(record.msg)
                )
        return True


def carry_launch_ids(log: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> None:
    """Have a logger's lines carry the id of the launch that they are about."""
    logger = log.logger if isinstance(log, logging.LoggerAdapter) else log
    if not any(isinstance(each, LaunchFilter) for each in logger.filters):
        logger.addFilter(LaunchFilter())


class LaunchLog:
    """Writes one line for each step of a launch that people wait for, and for its end.

    ``launch=… phase=running environment=… image=… gpus=GPU-… creating_s=0.112 starting_s=0.904``

    Parameters
    ----------
    log : logging.Logger
    in_server : callable
        Whether this is a server's log; a program's has the steps in which it waits, and the others
        for who debugs.
    """

    def __init__(self, log: logging.Logger, in_server: Callable[[], bool] = lambda: True) -> None:
        self._log = log
        self._in_server = in_server
        self._told: dict[str, int] = {}  # phases of those that go on, by launch

    def follow(self, launch: Launch) -> None:
        """Tell a new phase, as a listener of launches."""
        known = self._told.get(launch.id, 0)
        count = len(launch.phases)
        if launch.phase.final:
            if self._told.pop(launch.id, None) is None:
                return  # it was told, or there was nothing to tell: another process's
        else:
            self._told[launch.id] = count
        if count <= known:
            return
        told = TOLD if self._in_server() else TOLD_BY_PROGRAMS
        level = logging.INFO if launch.phase in told else logging.DEBUG
        fields = {
            "launch": launch.id,
            "phase": launch.phase.value,
            "environment": launch.environment,
            "image": launch.image,
            "gpus": ",".join(launch.gpus),
            "code": launch.error.code if launch.error is not None else "",
            **_seconds(launch),
        }
        words = " ".join(f"{name}={_value(text)}" for name, text in fields.items() if text)
        self._log.log(level, "%s", words, extra={"launch_id": launch.id, "launch": fields})


def _seconds(launch: Launch) -> dict[str, str]:
    """Return how long the phases of a start took that has just come to its end."""
    if launch.phase not in (Phase.RUNNING, Phase.FAILED, Phase.CANCELLED):
        return {}
    taken: dict[str, float] = {}
    for entry, after in zip(launch.phases, launch.phases[1:], strict=False):
        name = "ran_s" if entry.phase is Phase.RUNNING else f"{entry.phase.value}_s"
        if entry.phase.final or entry.phase is Phase.RUNNING:
            taken.clear()
        if not entry.phase.final:
            taken[name] = taken.get(name, 0.0) + max(0.0, after.at - entry.at)
    return {name: f"{seconds:.3f}" for name, seconds in taken.items()}


def _value(text: str) -> str:
    """Return a value that ends where it ends: quoted where it has spaces or quotes."""
    plain = one_line(text)
    if any(sign in plain for sign in ' "='):
        return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return plain
