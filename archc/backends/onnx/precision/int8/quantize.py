"""The pass that makes 8-bit integers of a program in fp32."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archc.backends.onnx.calibration import Calibration
from archc.backends.onnx.finite import finite
from archc.backends.onnx.passes.base import Change, ProgramPass, Report
from archc.backends.onnx.passes.contracts import nothing_quantized, single_precision
from archc.backends.onnx.precision.errors import Comparison, ErrorReport, Watched
from archc.backends.onnx.precision.evaluate import Sample
from archc.backends.onnx.precision.int8 import hard_sigmoids, rules
from archc.backends.onnx.precision.int8.alone import alone
from archc.backends.onnx.precision.int8.calibrate import calibrate
from archc.backends.onnx.precision.int8.hard_sigmoids import split_hard_swishes
from archc.backends.onnx.precision.int8.insert import insert
from archc.backends.onnx.precision.int8.numbers import REDUCED_LIMIT, WEIGHT_LIMIT, Quantizer
from archc.backends.onnx.precision.int8.plan import Plan, plan
from archc.backends.onnx.precision.int8.report import Int8Report
from archc.backends.onnx.precision.int8.resizes import keep_channels_first, name_all_sizes
from archc.backends.onnx.precision.keep import kept
from archc.backends.onnx.precision.samples import samples_for
from archc.backends.onnx.program import OnnxNode, Program
from archc.diagnostics.diagnostic import RequestError


@dataclass
class QuantizeInt8(ProgramPass):
    """Rounds weights and activations to 8 bits, as onnxruntime's integer kernels compute on x86.

    ``preprocess`` is the spec's. After ``run``, ``report`` says what it costs on the samples of the calibration.
    """

    calibration: Calibration
    preprocess: Mapping[str, Any]
    keep_fp32: Sequence[str] = ()
    report: Report | None = field(default=None, init=False)

    name = "quantize-int8"
    summary = "activations become u8 by tensor, weights s8 by channel, for onnxruntime's integer kernels"
    requires = (single_precision, nothing_quantized)

    def run(self, program: Program) -> list[Change]:
        """Raises RequestError where it can't be calibrated so, or a pattern of ``keep_fp32`` matches no layer."""
        name_all_sizes(program)
        keep_channels_first(program)
        split_hard_swishes(program)
        program.settle()
        made = plan(program, kept(self.keep_fp32, (node.layer for node in program.nodes)))
        if not made.nodes:
            raise RequestError("there is nothing in the network that 8-bit integers could compute")
        _check_weights(made)
        samples = samples_for(self.calibration, program, self.preprocess)
        integers = dict.fromkeys(node.layer for node in (*made.nodes, *made.clips))
        fp32 = dict.fromkeys(node.layer for node in program.nodes if node.layer not in integers)
        changes = [Change(node.layer, f"{node.op_type} in 8 bits") for node in made.nodes]
        errors = quantize(made, samples, self.calibration)
        told = tuple(samples.refused), samples.flat
        self.report = Int8Report(self.calibration, errors, len(integers), tuple(fp32), *told)
        return changes


def _check_weights(made: Plan) -> None:
    for node in made.nodes:
        for name in filter(made.program.is_constant, node.inputs):
            if not finite(made.program.value(name)):
                raise RequestError(f"`{name}` has numbers that are NaN or infinite, and 8-bit integers are neither")


def quantize(made: Plan, samples: Iterable[Sample], calibration: Calibration) -> ErrorReport:
    """Carry out a plan, rewriting its program; gives what that costs on the samples."""
    program = made.program
    exact = program.copy()
    ranges = calibrate(exact, made.observed(), samples, calibration.method)
    ranges |= {node.outputs[0]: hard_sigmoids.RANGE for node in made.nodes if node.op_type == hard_sigmoids.OP}
    quantizers = {tensor: Quantizer.of(range) for tensor, range in ranges.items()}
    results = [(node, made.result(node)) for node in made.nodes if node.op_type not in rules.MOVING]
    rounded = insert(made, quantizers, REDUCED_LIMIT if calibration.reduce_range else WEIGHT_LIMIT)
    program.settle()
    watched = [_watched(made, node, tensor, rounded, quantizers) for node, tensor in results]
    apart = alone(exact, made, rounded, (w.rounded for w in watched))
    return Comparison(exact, program, apart, watched).report(samples)


def _watched(
    made: Plan, node: OnnxNode, tensor: str, rounded: Mapping[str, str], quantizers: Mapping[str, Quantizer]
) -> Watched:
    bits = rounded.get(tensor)
    quantizer = quantizers[made.source(tensor)] if bits else None
    return Watched(node.layer, node.op_type, tensor, bits or tensor, quantizer)
