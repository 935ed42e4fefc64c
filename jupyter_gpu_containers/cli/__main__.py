"""``python -m jupyter_gpu_containers.cli``: the same as ``jupyter gpu-containers``."""

import sys

from . import main

sys.exit(main())
