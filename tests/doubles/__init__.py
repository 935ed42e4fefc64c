"""Stand-ins for what NVIDIA brings to a host: driver library, runtime hook, CDI specification.

They stand behind the real interfaces (a shared library, an OCI hook, a CDI file), so that the real
``pynvml`` and a real container engine work with them, on a machine without any GPU.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".doubles_cache"  # built things, kept between runs; git ignores it
