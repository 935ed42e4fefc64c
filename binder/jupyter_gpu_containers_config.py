"""The demonstration: the whole user interface without a container engine or a GPU.

Kernels are processes of this machine; the panel says so ("demo").
"""

c = get_config()  # noqa: F821  (traitlets provides it)

c.GpuContainers.backend = "memory"
c.GpuContainers.fixed_gpus = [
    {"name": "NVIDIA H200", "memory_gib": 141, "compute_capability": "9.0", "count": 2},
    {
        "name": "NVIDIA A100-SXM4-40GB",
        "memory_gib": 40,
        "compute_capability": "8.0",
        "mig": ["3g.20gb", "2g.10gb", "1g.5gb"],
    },
]
