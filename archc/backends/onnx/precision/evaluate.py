"""Running a program on samples, and seeing what its tensors hold on the way.

Samples go through one by one, and of the tensors only as many are kept at a time as fit into ``ROOM``, so that memory
does not grow with either.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import onnx

from archc.backends.onnx import write as files
from archc.backends.onnx.model import model_of
from archc.backends.onnx.program import Program
from archc.backends.onnx.values import Array
from archc.backends.onnx.wire import Model
from archc.runtime.session import Session, open_session

ROOM = 512 << 20  # bytes of observed tensors of one sample
INLINE = 1 << 30  # bytes of a model that are handed over in memory

Sample = Mapping[str, Array]
_T = TypeVar("_T")


def observe(program: Program, tensors: Sequence[str], samples: Iterable[Sample]) -> Iterator[tuple[str, Array]]:
    """Each of the tensors on each sample: name and numbers, with a batch of 1."""
    for part in portions(program, tensors):
        with session(program, part) as runs:
            for sample in samples:
                yield from run(runs, part, sample)


def portions(program: Program, tensors: Sequence[str]) -> Iterator[list[str]]:
    """The tensors in as few parts as memory allows."""
    return in_parts(tensors, lambda tensor: _bytes(program, tensor))


def in_parts(items: Sequence[_T], size: Callable[[_T], int]) -> Iterator[list[_T]]:
    """The items, in order, in as few parts as ``ROOM`` allows; ``size`` gives the bytes of one."""
    part: list[_T] = []
    room = ROOM
    for item in items:
        needed = size(item)
        if part and needed > room:
            yield part
            part, room = [], ROOM
        part.append(item)
        room -= needed
    if part:
        yield part


@contextmanager
def session(program: Program, tensors: Sequence[str]) -> Generator[Session]:
    """A session on the CPU that gives these tensors besides the program's outputs."""
    model = _giving(model_of(program, "observed"), program, tensors)
    if model.weight_bytes < INLINE:
        yield open_session(b"".join(model.chunks()))
        return
    with TemporaryDirectory(prefix="archc-") as folder:
        path = Path(folder) / "observed.onnx"
        files.write(model, path, INLINE)
        yield open_session(path)


def run(session: Session, tensors: Sequence[str], sample: Sample) -> Iterator[tuple[str, Array]]:
    """The tensors on one sample."""
    found: list[Array] = session.raw.run(list(tensors), dict(sample))
    return iter(zip(tensors, found, strict=True))


def _giving(model: Model, program: Program, tensors: Sequence[str]) -> Model:
    """The model with more outputs, whose types onnxruntime finds out."""
    tail = onnx.GraphProto()
    tail.CopyFrom(model.graph_tail)
    for tensor in tensors:
        if tensor not in program.outputs:
            tail.output.add(name=tensor)
    return replace(model, graph_tail=tail)


def _bytes(program: Program, tensor: str) -> int:
    """Of one sample; fp32, since that is what they are compared in."""
    shape = program.shape(tensor)
    return 4 * prod(size if isinstance(size, int) else 1 for size in shape) if shape else ROOM // 64
