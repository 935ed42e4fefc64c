"""What one claim made of its GPU, added up from look to look; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jupyter_gpu_containers.model.gpu.device import Gpu


@dataclass(frozen=True)
class Sample:
    """What one look at a GPU told of one of its holders."""

    at: float  # seconds, on a clock that nobody sets
    utilization: float | None = None  # 0 to 1; None where nobody can say
    counter: float | None = None  # joules that the GPU has taken since its driver was loaded
    power: float | None = None  # watts


@dataclass(frozen=True)
class Meter:
    """The sums since it was read last."""

    sampled: float = 0.0  # seconds for which utilisation is known
    used: float = 0.0  # seconds times utilisation
    energy: float | None = None  # joules
    metered: float = 0.0  # seconds for which energy is known
    last: Sample | None = None

    def after(self, sample: Sample, longest: float) -> Meter:
        """Return the sums with the time since the last look.

        Parameters
        ----------
        sample : Sample
        longest : float
            Seconds between two looks after which nobody knows what was between them. A counter
            counts on however long nobody reads it.
        """
        last = self.last
        if last is None or sample.at <= last.at:
            return self if last is not None else replace(self, last=sample)
        seconds, meter = sample.at - last.at, replace(self, last=sample)
        close = seconds <= longest
        if close and last.utilization is not None and sample.utilization is not None:
            used = seconds * (last.utilization + sample.utilization) / 2
            meter = replace(meter, sampled=meter.sampled + seconds, used=meter.used + used)
        joules = _joules(last, sample, seconds if close else None)
        if joules is not None:
            energy = (meter.energy or 0.0) + joules
            meter = replace(meter, energy=energy, metered=meter.metered + seconds)
        return meter

    def read(self) -> Meter:
        """Return it as it goes on after it was read: the sums begin anew."""
        return Meter(last=self.last)


def sample_of(gpu: Gpu, container: str, slots: int, at: float) -> Sample:
    """Return what a look at a GPU tells of one of its holders.

    Who has a GPU alone has all that it does. Where several may share it, NVML tells utilisation
    and energy of all of them together: they are one's own only while nobody else computes on it,
    and then nobody says what the idle GPU takes. MIG instances have neither.

    Parameters
    ----------
    gpu : Gpu
    container : str
        Its id.
    slots : int
        How many may share the GPU.
    at : float
        Seconds, on a clock that nobody sets.
    """
    utilization = None if gpu.utilization is None else gpu.utilization / 100
    if slots <= 1:
        return Sample(at, utilization, gpu.energy, gpu.power)
    computing = {process.container_id for process in gpu.processes}
    if not gpu.processes_known or None in computing:
        return Sample(at)
    if container not in computing:
        return Sample(at, 0.0)
    if len(computing) > 1:
        return Sample(at)
    return Sample(at, utilization, gpu.energy, gpu.power)


def _joules(last: Sample, sample: Sample, seconds: float | None) -> float | None:
    """Return what the GPU took between two looks; None where nobody can say."""
    if last.counter is not None and sample.counter is not None:
        taken = sample.counter - last.counter
        return taken if taken >= 0 else None  # a driver that was loaded anew counts anew
    if seconds is not None and last.power is not None and sample.power is not None:
        return seconds * (last.power + sample.power) / 2
    return None
