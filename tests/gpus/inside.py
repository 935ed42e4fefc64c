"""What a process in a container sees of GPUs; stands alone, for `python3 -` in any image.

Prints JSON: the device nodes, and the UUIDs that the real pynvml (mounted at /opt) reads from the
driver library that the runtime brought in; null where there is no library.
"""

import glob
import json
import os
import sys

sys.path.insert(0, "/opt")
import pynvml


def uuids():
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError_LibraryNotFound:
        return None
    found = []
    for index in range(pynvml.nvmlDeviceGetCount()):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        slots = range(pynvml.nvmlDeviceGetMaxMigDeviceCount(handle))
        instances = []
        for slot in slots:
            try:
                mig = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, slot)
            except pynvml.NVMLError_NotFound:
                continue
            instances.append(pynvml.nvmlDeviceGetUUID(mig))
        found += instances or [pynvml.nvmlDeviceGetUUID(handle)]
    return found


print(
    json.dumps(
        {
            "nodes": sorted(glob.glob("/dev/nvidia*")),
            "caps": len(glob.glob("/dev/nvidia-caps/*")),
            "uuids": uuids(),
            "visible": os.environ.get("NVIDIA_VISIBLE_DEVICES"),
        }
    )
)
