"""What a user reads when a kernel does not start: by jupyter_client, and in the launch."""

from __future__ import annotations

from typing import Any

import pytest
from jupyter_client.manager import AsyncKernelManager

from jupyter_gpu_containers.errors import GpuContainersError
from jupyter_gpu_containers.model.kernel.launch import Phase
from tests.rooms import Room


async def refused(room: Room, name: str, **start: Any) -> GpuContainersError:
    """Start a kernel that must fail; return why, after seeing that nothing is left of it."""
    manager = AsyncKernelManager(kernel_name=name)
    with pytest.raises(GpuContainersError) as caught:
        await manager.start_kernel(**start)
    # jupyter_client calls no cleanup after a start that raised
    assert room.leftovers() == []
    assert not manager.has_kernel
    launch = room.services.launches.list()[0]
    assert launch.phase is Phase.FAILED
    assert launch.error is not None
    error = caught.value
    assert (launch.error.code, launch.error.message, launch.error.hint) == (
        error.error_code,
        error.message,
        error.hint,
    )
    assert error.hint
    await manager.shutdown_kernel(now=True)  # harmless
    return error
