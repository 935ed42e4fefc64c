"""The report on GPU use, of the ledger and what is not in it yet, as far as a user may know."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime

from jupyter_gpu_containers.model.accounting.report import (
    By,
    Report,
    make_report,
    parse_since,
    visible,
)
from jupyter_gpu_containers.model.policy import Show

from .accounting import Accounting

MISSED = 3.0  # notes that a claim may be behind and still count as one that goes on


def read_report(
    accounting: Accounting,
    since: str,
    by: By,
    show: Show,
    user: str,
    *,
    clock: Callable[[], float] = time.time,
    uid: int | None = None,
) -> Report:
    """Return what GPUs were used for. Blocks for reading files.

    Parameters
    ----------
    accounting : Accounting
    since : str
        As people write it, in this machine's time zone.
    by : By
    show : Show
        What is told of other users' kernels; root is told of all that it may read.
    user : str
        Login name.
    clock : callable
        Seconds since the epoch.
    uid : int, optional
        Of this process.

    Raises
    ------
    InvalidRequestError
        `since` is no time.
    """
    now = clock()
    begin = parse_since(since, datetime.fromtimestamp(now).astimezone())
    # first what is here, then the file: what is written meanwhile is told twice and counts once
    found = accounting.current()
    if accounting.ledger is not None:
        found += accounting.ledger.read(begin)
    if (os.getuid() if uid is None else uid) != 0:
        found = visible(found, show, user)
    return make_report(found, begin, now, by, fresh=MISSED * accounting.note_every)
