"""Where GPUs are known from: the NVIDIA driver (``nvml``), or configuration (``fixed``)."""
