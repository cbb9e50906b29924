"""What memory PyTorch needs, measured: tensors alive in a forward, and what autograd keeps for the backward."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# Operators within which a library asks for workspaces of its own: for other layouts of maps and filters.
LIBRARY_CALLS = ("aten::convolution", "aten::linear", "aten::addmm", "aten::matmul", "aten::bmm")


class _Alive(TorchDispatchMode):
    """Follows every storage that an operator gives, from its making to its end."""

    def __init__(self, ignored: Iterable[Tensor]) -> None:
        super().__init__()
        self._ignored = {t.untyped_storage()._cdata for t in ignored}
        self._sizes: dict[int, int] = {}
        self.now = self.peak = 0

    def follow(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._ignored or key in self._sizes:
            return
        self._sizes[key] = storage.nbytes()
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._ended, key)

    def _ended(self, key: int) -> None:
        self.now -= self._sizes.pop(key)

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = func(*args, **(kwargs or {}))
        for value in tree_leaves(given):
            if isinstance(value, Tensor):
                self.follow(value)
        return given


@dataclass(frozen=True)
class Alive:
    """Bytes of tensors: the most at once, and what is left at the end; weights and buffers aside."""

    peak: int
    left: int


def alive_in_forward(module: nn.Module, inputs: Sequence[Tensor]) -> Alive:
    """Runs the module without gradients. Inputs count from the beginning, outputs to the end.

    Without gradients, but not in ``inference_mode``: there PyTorch hands composite operators over whole, and what they
    make and throw away would not be seen.
    """
    alive = _Alive([*module.parameters(), *module.buffers()])
    with torch.no_grad(), alive:
        for x in inputs:
            alive.follow(x)
        outputs = module(*inputs)
        left = alive.now
    del outputs
    return Alive(alive.peak, left)


def allocated_in_forward(module: nn.Module, inputs: Sequence[Tensor]) -> int:
    """The same peak as the CPU's allocator tells it in ``inference_mode``: each allocation, of whatever kind.

    What a library makes and throws away within a convolution or a product is left out.
    """
    with (
        torch.inference_mode(),
        torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile,
    ):
        outputs = module(*inputs)
    del outputs
    events: list[tuple[int, int, int]] = []  # time, address, bytes
    calls: list[tuple[int, int]] = []  # begin and end of library calls
    assert profile.profiler is not None
    for event in _walk(profile.profiler.kineto_results.experimental_event_tree()):
        if event.tag == torch._C._profiler._EventType.Allocation:
            fields = event.extra_fields
            events.append((event.start_time_ns, fields.ptr, fields.alloc_size))
        elif event.name in LIBRARY_CALLS:
            calls.append((event.start_time_ns, event.end_time_ns))
    now = peak = sum(x.untyped_storage().nbytes() for x in inputs)
    for _, size in _outliving(sorted(events), calls):
        now += size
        peak = max(peak, now)
    return peak


def _walk(events: Iterable[Any]) -> Iterable[Any]:
    for event in events:
        yield event
        yield from _walk(event.children)


def _outliving(events: Sequence[tuple[int, int, int]], calls: Sequence[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """(time, bytes) of the allocations that do not begin and end within one library call, and of their ends."""
    begun: dict[int, int] = {}
    within: set[int] = set()
    for place, (time, address, size) in enumerate(events):
        if size > 0:
            begun[address] = place
        elif address in begun:
            first = begun.pop(address)
            if any(begin <= events[first][0] and time <= end for begin, end in calls):
                within |= {first, place}
    return [(time, size) for place, (time, _, size) in enumerate(events) if place not in within]


def saved_for_backward(module: nn.Module, inputs: Sequence[Tensor]) -> int:
    """The bytes of the storages that autograd keeps after a forward, each once; parameters and buffers aside."""
    own = {t.untyped_storage().data_ptr() for t in (*module.parameters(), *module.buffers())}
    kept: dict[int, Tensor] = {}  # the tensors too, so that no address is given out twice

    def pack(tensor: Tensor) -> Tensor:
        kept.setdefault(tensor.untyped_storage().data_ptr(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        outputs = module(*inputs)
    found = sum(t.untyped_storage().nbytes() for address, t in kept.items() if address not in own)
    del outputs
    return found
