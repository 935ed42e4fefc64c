"""A process whose kernel, or container that waits for one, holds a GPU until it is killed.

Prints when that is in the ledger.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.accounting.stretch import Event
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.service.accounting.accounting import Accounting, Waiting
from jupyter_gpu_containers.service.accounting.ledger import Ledger


def main(folder: Path, waits: bool) -> None:
    ledger = Ledger(folder, size=1 << 20, months=1)
    accounting = Accounting(
        ledger,
        FixedInventory([{}]),
        "ada",
        look_every=0.01,
        note_every=0.05,
    )
    began, gpus = time.time(), ("GPU-1",)
    if waits:
        accounting.waits(Waiting("c1", gpus, "k1", "torch", "torch:1"))
    else:
        launch = Launch("k1", path="a.ipynb", image="torch:1")
        launch = launch.advance(Phase.STARTING, began, gpus=gpus, container_id="c1")
        accounting.follow(launch)
    while not any(each.event is Event.NOTE for each in ledger.read(0.0)):
        time.sleep(0.01)
    print(began, flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--waits" in sys.argv)
