"""QuantizeLinear and DequantizeLinear, written around the nodes of a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from archc.backends.onnx.precision.int8 import hard_sigmoids, rules
from archc.backends.onnx.precision.int8.numbers import (
    Quantizer,
    quantize_bias,
    quantize_weight,
    room_for_bias,
    weight_scales,
)
from archc.backends.onnx.precision.int8.plan import Plan
from archc.backends.onnx.program import OnnxNode, Program, TensorType
from archc.backends.onnx.values import Array


@dataclass
class Insertion:
    """A plan being carried out. ``rounded`` names, for each tensor of the plan, the one that holds it in 8 bits."""

    plan: Plan
    quantizers: Mapping[str, Quantizer]  # by the tensors that were observed
    weight_limit: int
    rounded: dict[str, str] = field(default_factory=dict[str, str])
    gains: dict[str, float] = field(default_factory=dict[str, float])  # tensor → by what it is multiplied when read
    scales: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])

    @property
    def program(self) -> Program:
        return self.plan.program

    def quantizer(self, tensor: str) -> Quantizer:
        """The one of a tensor, which is that of where its numbers come from."""
        return self.quantizers[self.plan.source(tensor)]


def insert(plan: Plan, quantizers: Mapping[str, Quantizer], weight_limit: int) -> dict[str, str]:
    """Rewrite the plan's program; gives for each rounded tensor the name of the one that holds it in 8 bits."""
    work = Insertion(plan, quantizers, weight_limit)
    integers = list(plan.nodes)
    for node in integers:
        if rules.weight_axis(node, plan.program) is not None:
            _quantize_weights(work, node)
        elif node.op_type == hard_sigmoids.OP:
            work.gains[node.outputs[0]] = hard_sigmoids.as_sum(plan.program, node)
    for clip in plan.clips:
        _drop_clip(work, clip)
    for tensor in plan.tensors:
        _round(work, tensor, set(integers))
    return work.rounded


def _drop_clip(work: Insertion, clip: OnnxNode) -> None:
    """Let the node before a clip make the clip's result: it is rounded next, and that saturates to the same bounds."""
    if clip.outputs[0] not in work.plan.tensors:
        return
    producer, result = work.plan.clips[clip], clip.outputs[0]
    if producer.outputs[0] in work.gains:
        work.gains[result] = work.gains.pop(producer.outputs[0])
    work.program.remove(clip)
    work.program.set_output(producer, 0, result)


def _round(work: Insertion, tensor: str, integers: set[OnnxNode]) -> None:
    """Q and DQ behind a tensor; what computes in fp32 reads it unrounded where it is not made by integers."""
    program, producer = work.program, work.program.producer(tensor)
    readers = program.consumers(tensor)
    made_of_integers = producer is not None and producer in integers
    if not made_of_integers:
        readers = [node for node in readers if node in integers]
    like = producer or readers[0]
    shape, source = program.shape(tensor), tensor
    if tensor in program.outputs and made_of_integers and producer:
        source = program.unique(f"{tensor}.exact")
        program.set_output(producer, producer.outputs.index(tensor), source)
    bits, restored = _pair(work, tensor, source, like, shape)
    for node in readers:
        program.redirect(tensor, _protected(work, node, tensor, bits) or restored, [node])
    if source != tensor:
        final = program.producer(restored)
        assert final is not None
        program.set_output(final, 0, tensor)
        program.redirect(restored, tensor)
    work.rounded[tensor] = bits


def _pair(
    work: Insertion, tensor: str, source: str, like: OnnxNode, shape: tuple[int | str, ...] | None
) -> tuple[str, str]:
    """The tensor in 8 bits, and what they stand for."""
    program = work.program
    scale, zero = _scale(work, work.plan.source(tensor))
    step = scale
    if tensor in work.gains:
        step = program.constant(f"{tensor}.step", work.quantizer(tensor).scale / np.float32(work.gains[tensor]))
    bits_type = None if shape is None else TensorType(shape, "uint8")
    type = None if shape is None else TensorType(shape)
    (bits,) = program.add("QuantizeLinear", [source, step, zero], like=like, name=f"{tensor}.quantized", type=bits_type)
    (restored,) = program.add(
        "DequantizeLinear", [bits, scale, zero], like=like, name=f"{tensor}.dequantized", type=type
    )
    return bits, restored


def _protected(work: Insertion, node: OnnxNode, tensor: str, bits: str) -> str | None:
    """For an op that stays fp32 and that onnxruntime would quantise unasked: its input, dequantised by channel."""
    shape = work.program.shape(tensor)
    if node in work.plan.nodes or node.op_type not in rules.QUANTIZED_UNASKED or shape is None or len(shape) < 2:
        return None
    if node.inputs[0] != tensor or not isinstance(shape[1], int):
        return None
    quantizer, program = work.quantizer(tensor), work.program
    scale = program.constant(f"{tensor}.scale.by_channel", np.full(shape[1], quantizer.scale))
    zero = program.constant(f"{tensor}.zero_point.by_channel", np.full(shape[1], quantizer.zero_point), "uint8")
    name = f"{tensor}.dequantized.by_channel"
    return program.add("DequantizeLinear", [bits, scale, zero], like=node, name=name, type=TensorType(shape), axis=1)[0]


def _scale(work: Insertion, source: str) -> tuple[str, str]:
    """The initializers of a scale and a zero point; one pair for all that share them."""
    if source not in work.scales:
        quantizer = work.quantizers[source]
        work.scales[source] = (
            work.program.constant(f"{source}.scale", quantizer.scale),
            work.program.constant(f"{source}.zero_point", quantizer.zero_point, "uint8"),
        )
    return work.scales[source]


def _quantize_weights(work: Insertion, node: OnnxNode) -> None:
    """s8 weights by output channel, and an s32 bias in units of their products with the input's scale."""
    program, axis = work.program, rules.weight_axis(node, work.program)
    assert axis is not None
    name, input_scale = node.inputs[1], work.quantizer(node.inputs[0]).scale
    read = rules.weight_reader(name, program)
    weight = read()
    scales = weight_scales(weight, axis, work.weight_limit)
    bias = node.inputs[2] if len(node.inputs) > 2 and node.inputs[2] else None
    numbers = program.value(bias) if bias else None
    if numbers is not None:
        scales = room_for_bias(scales, numbers, input_scale)
    quantized = partial(_weight, read, scales, axis, work.weight_limit)
    inputs = [node.inputs[0], _constant(work, node, name, weight.shape, "int8", quantized, scales, axis)]
    if numbers is not None and bias is not None:
        units = (input_scale * scales).astype(np.float32)
        value = quantize_bias(numbers, units)
        inputs.append(_constant(work, node, bias, value.shape, "int32", lambda: value, units, 0))
    program.set_inputs(node, inputs)


def _weight(read: Callable[[], Array], scales: Array, axis: int, limit: int) -> Array:
    return quantize_weight(read(), scales, axis, limit)


def _constant(
    work: Insertion, node: OnnxNode, name: str, shape: tuple[int, ...], dtype: str,
    read: Callable[[], Array], scales: Array, axis: int,
) -> str:  # fmt: skip
    """An initializer of integers, and a node that says what they stand for."""
    program = work.program
    integers = program.initializer(f"{name}.quantized", shape, dtype, read)
    scale = program.constant(f"{name}.scale", scales)
    zero = program.constant(f"{name}.zero_point", np.zeros(scales.shape), dtype)
    type = TensorType(shape)
    return program.add(
        "DequantizeLinear", [integers, scale, zero], like=node, name=f"{name}.dequantized", type=type, axis=axis
    )[0]
