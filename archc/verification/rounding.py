"""What rounding must cost a network: how far its outputs move where its numbers move by as much as rounding moves them.

A precision's own limit is that of networks which hand on what they are given about as it is. Few layers of few
channels, sums that nearly cancel, a batch norm that enlarges small differences: there correct roundings cost more. So
the network itself is asked. It is run in fp32, with random numbers added wherever a candidate rounds, as large as the
steps of its precision there. Those are found from the network's own numbers, not from the candidate: one whose scales
or weights are wrong is not excused by them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite, log10, sqrt
from typing import Any

import numpy as np

from archc.backends.onnx.export import Export
from archc.backends.onnx.model import build
from archc.backends.onnx.precision.dtypes import HALVES, dtypes
from archc.backends.onnx.precision.evaluate import session
from archc.backends.onnx.precision.half.tolerance import UNIT
from archc.backends.onnx.precision.int8.calibrate import calibrate
from archc.backends.onnx.precision.int8.hard_sigmoids import split_hard_swishes
from archc.backends.onnx.precision.int8.numbers import Quantizer, weight_scales
from archc.backends.onnx.precision.int8.ranges import Range
from archc.backends.onnx.precision.types import SHORT
from archc.backends.onnx.program import OnnxNode, Program
from archc.backends.weights import Array
from archc.network import Weighted
from archc.verification.cases import Case
from archc.verification.result import Row, Tolerance
from archc.verification.samples import Arrays

ROUNDED = ("fp16", "bf16", "int8")  # precisions of which that can be asked
DRAWS = 8  # of random roundings
ALLOWED = 4.0  # times the root mean square of what differs from draw to draw
COMMON = 1.5  # times what does not
SMALLEST = {"float16": 2.0**-24, "bfloat16": 0.0}  # steps below the normal numbers; those of bf16 are of no account


@dataclass(frozen=True)
class Rounding:
    """Of one tensor: to steps of ``relative`` × the number + ``step``, and for results in 8 bits within a ``range``."""

    relative: float = 0.0
    step: Array | float = 0.0
    range: Range | None = None


@dataclass(frozen=True)
class Sensitivity:
    """A network in fp32, with the passes of a candidate, and where that ``rounds``: tensor → how."""

    exact: Program
    rounds: Mapping[str, Rounding]

    @classmethod
    def of(cls, weighted: Weighted, rounded: Program, passes: Sequence[str], fitted: Arrays) -> Sensitivity:
        """Of the network as ``rounded`` has it, a program in half precision or in 8 bits.

        ``fitted`` are the samples that it was calibrated on.
        """
        exact = build(weighted.network.graph, weights=weighted.loaded, export=Export.of(only=passes)).program
        split_hard_swishes(exact)
        exact.settle()
        types = dtypes(rounded)
        halves = {tensor: how for tensor in _tensors(exact) if (how := _half(tensor, types)) is not None}
        return cls(exact, halves or {**_results(exact, rounded, fitted), **_weights(exact, rounded)})

    def allowed(self, tolerance: Tolerance, inputs: Arrays, reference: Arrays | None = None) -> Tolerance:
        """The tolerance; or where that allows more, what rounding costs on these inputs (``cost``).

        Errors are parts of ``reference``, by output: without, of what the network gives in fp32.
        """
        with session(self.exact, []) as exact, session(self._noised, []) as noised:
            expected = exact.run(inputs)
            draws = [noised.run(inputs) for _ in range(DRAWS)]
        size, of = SIZES[tolerance.measure], reference or expected
        costs = [cost(size, y, [draw[name] for draw in draws], of[name]) for name, y in expected.items()]
        return widened(tolerance, max(costs))

    @cached_property
    def _noised(self) -> Program:
        made = self.exact.copy()
        for seed, (tensor, how) in enumerate(self.rounds.items(), 1):
            _move(made, tensor, how, seed)
        made.settle()
        return made


def held(rows: Sequence[Row], cases: Sequence[Case], allowed: Callable[[Tolerance, Case], Tolerance]) -> list[Row]:
    """Rows with what is ``allowed`` where they agree by that alone; one that does not keeps its precision's limit."""
    found: list[Row] = []
    for row, case in zip(rows, cases, strict=True):
        wider = row if row.agrees else replace(row, tolerance=allowed(row.tolerance, case))
        found.append(wider if wider.agrees else row)
    return found


def cost(size: Size, expected: Array, draws: Sequence[Array], reference: Array) -> float:
    """How far an output may be off as a part of the size of ``reference``, from what random roundings made of it.

    That is what they have in common, as saturation is, and ``ALLOWED`` times the root mean square of the rest.
    """
    wanted = expected.astype(np.float64)
    errors = [draw - wanted for draw in draws]
    common = np.mean(errors, axis=0)
    rest = sqrt(float(np.mean([size(error - common) ** 2 for error in errors])))
    whole = size(reference.astype(np.float64))
    return (COMMON * size(common) + ALLOWED * rest) / whole if whole else 0.0


def widened(tolerance: Tolerance, part: float) -> Tolerance:
    """One that allows an error of this part of the output's size, if that is more."""
    if not isfinite(part) or part <= 0:
        return tolerance
    limit = part if tolerance.measure == "error" else -20 * log10(part)
    more = limit > tolerance.limit if tolerance.measure == "error" else limit < tolerance.limit
    return replace(tolerance, limit=limit, widened=True) if more else tolerance


def _largest(x: Array) -> float:
    return float(np.abs(x).max(initial=0.0))


def _length(x: Array) -> float:
    return float(np.linalg.norm(x))


Size = Callable[[Array], float]
SIZES: dict[str, Size] = {"error": _largest, "sqnr": _length}  # by what is measured


def _tensors(program: Program) -> Iterator[str]:
    yield from program.inputs
    yield from program.initializers
    yield from (tensor for node in program.nodes for tensor in node.outputs)


def _half(tensor: str, types: Mapping[str, str]) -> Rounding | None:
    """The tensor has half precision there, or is cast to it."""
    names = (tensor, *(f"{tensor}.{SHORT[half]}" for half in HALVES))
    dtype = next((types[name] for name in names if types.get(name) in HALVES), None)
    return None if dtype is None else Rounding(2 * UNIT[dtype], SMALLEST[dtype])


def _results(exact: Program, rounded: Program, fitted: Arrays) -> dict[str, Rounding]:
    """u8, over the range that it has on the samples of the calibration."""
    there = {tensor for node in rounded.nodes for tensor in node.outputs}
    results = [t for t in _tensors(exact) if t not in exact.initializers and f"{t}.quantized" in there]
    count = len(next(iter(fitted.values())))
    samples = [{name: array[i : i + 1] for name, array in fitted.items()} for i in range(count)]
    ranges = calibrate(exact, results, samples, "minmax")
    return {tensor: Rounding(step=float(Quantizer.of(r).scale), range=r) for tensor, r in ranges.items()}


def _weights(exact: Program, rounded: Program) -> dict[str, Rounding]:
    """s8, by output channel. Biases are s32, in steps that are of no account."""
    found: dict[str, Rounding] = {}
    for tensor in exact.initializers:
        reader = rounded.producer(f"{tensor}.dequantized")
        if reader is not None and rounded.dtype(reader.inputs[0]) == "int8":
            weight, axis = exact.value(tensor), int(reader.attributes["axis"])
            shape = [-1 if i == axis else 1 for i in range(weight.ndim)]
            found[tensor] = Rounding(step=weight_scales(weight, axis).reshape(shape))
    return found


def _move(made: Program, tensor: str, how: Rounding, seed: int) -> None:
    """Let all that read the tensor read it with random numbers: from −½ to ½, times its steps. 0 is always exact."""
    readers, producer = made.consumers(tensor), made.producer(tensor)
    source = tensor
    if producer is not None:
        source = made.unique(f"{tensor}.exact")
        made.set_output(producer, producer.outputs.index(tensor), source)
    x = source if how.range is None else _clipped(made, tensor, source, how.range)
    steps = _sum(made, tensor, _times(made, tensor, x, how.relative), _times(made, tensor, _sign(made, x), how.step))
    (noise,) = _node(made, "RandomUniformLike", [x], f"{tensor}.random", low=-0.5, high=0.5, seed=float(seed))
    (moved,) = _node(made, "Mul", [noise, steps], f"{tensor}.noise")
    result = tensor if producer is not None else made.unique(f"{tensor}.moved")
    made.append(OnnxNode("Add", [x, moved], [result], {}, f"{tensor}.moved"))
    if producer is None:
        made.redirect(tensor, result, readers)


def _clipped(made: Program, tensor: str, source: str, to: Range) -> str:
    ends = [made.constant(f"{tensor}.{name}", np.float32(end)) for name, end in zip(to._fields, to, strict=True)]
    return _node(made, "Clip", [source, *ends], f"{tensor}.clipped")[0]


def _sign(made: Program, x: str) -> str:
    return _node(made, "Sign", [x], f"{x}.sign")[0]


def _times(made: Program, tensor: str, x: str, by: Array | float) -> str:
    return _node(made, "Mul", [x, made.constant(f"{tensor}.by", np.float32(by))], f"{x}.times")[0]


def _sum(made: Program, tensor: str, a: str, b: str) -> str:
    return _node(made, "Add", [a, b], f"{tensor}.steps")[0]


def _node(made: Program, op: str, inputs: list[str], name: str, **attributes: Any) -> list[str]:
    output = made.unique(name)
    made.append(OnnxNode(op, inputs, [output], attributes, output))
    return [output]
