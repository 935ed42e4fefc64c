"""A process whose kernel holds a GPU until it is killed; prints when that is in the ledger."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.accounting.stretch import Event
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.service.accounting.accounting import Accounting
from jupyter_gpu_containers.service.accounting.ledger import Ledger


def main(folder: Path) -> None:
    ledger = Ledger(folder, size=1 << 20, months=1)
    accounting = Accounting(
        ledger,
        FixedInventory([{}]),
        "ada",
        look_every=0.01,
        note_every=0.05,
    )
    launch = Launch("k1", path="a.ipynb", image="torch:1")
    launch = launch.advance(Phase.STARTING, time.time(), gpus=("GPU-1",), container_id="c1")
    accounting.follow(launch)
    while not any(each.event is Event.NOTE for each in ledger.read(0.0)):
        time.sleep(0.01)
    print(launch.phases[0].at, flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
