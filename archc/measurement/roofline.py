"""The least time that a workload can take on a machine.

Williams, Waterman and Patterson ("Roofline: An Insightful Visual Performance Model for Multicore Architectures",
Communications of the ACM 2009): a kernel takes no less than its arithmetic at the peak, nor than its bytes at the full
bandwidth.
"""

from __future__ import annotations

from dataclasses import dataclass

from archc.measurement.peaks import Peaks
from archc.measurement.workload import Kernel, Workload


@dataclass(frozen=True, slots=True)
class Roofline:
    """Seconds of one run.

    ``kernels`` is the sum over kernels, one after the other: what is to be aimed at. It holds where what a kernel
    writes goes to memory; small tensors stay in the caches, and what is fused further never leaves them. ``whole`` is
    the least that any order and any cache can do: all arithmetic at the peak, or inputs, outputs and weights moved
    once. ``memory_bound`` is the part of ``kernels`` whose limit is the bandwidth.
    """

    kernels: float
    whole: float
    memory_bound: float


def roofline(work: Workload, peaks: Peaks) -> Roofline:
    """Of a workload. ``peaks`` has all its precisions."""
    times = [(arithmetic_time(k, peaks), k.bytes / peaks.bandwidth) for k in work.kernels]
    total = sum(max(pair) for pair in times)
    bound = sum(moving for computing, moving in times if moving > computing)
    whole = max(sum(computing for computing, _ in times), work.ends / peaks.bandwidth)
    return Roofline(total, whole, bound / total if total else 0.0)


def arithmetic_time(kernel: Kernel, peaks: Peaks) -> float:
    """Seconds of its FLOPs at the peak of its precision; what is no matrix arithmetic has none, and is free."""
    return 0.0 if kernel.precision is None else kernel.flops / peaks.flops[kernel.precision]
