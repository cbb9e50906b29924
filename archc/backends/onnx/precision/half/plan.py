"""Which nodes of a program compute in half precision, and why others don't."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import onnx

from archc.backends.onnx.precision.dtypes import CAST, Signature, bound, dtypes, signature
from archc.backends.onnx.precision.half.table import MOVERS, SINGLE, SQUARE, Single
from archc.backends.onnx.precision.half.weights import Loss, Narrowing
from archc.backends.onnx.precision.types import FLOAT, SHORT
from archc.backends.onnx.program import OnnxNode, Program
from archc.runtime.kernels import supports


@dataclass
class Plan:
    """``halves``: node → the type parameters that become half. ``singles``: node that stays in fp32 → why.

    ``unfit`` are those of the singles that stay so because their numbers do not fit.
    """

    halves: dict[OnnxNode, frozenset[str]] = field(default_factory=dict[OnnxNode, frozenset[str]])
    singles: dict[OnnxNode, str] = field(default_factory=dict[OnnxNode, str])
    unfit: dict[OnnxNode, str] = field(default_factory=dict[OnnxNode, str])


def plan(program: Program, dtype: str, provider: str | None, kept: set[str], narrowing: Narrowing) -> Plan:
    """What becomes half of a program that is in fp32 and in order; ``kept`` are layers that must not."""
    made = Plan()
    types = dtypes(program)
    for node in program.nodes:
        found = signature(program, node)
        if found is None or node.op_type == CAST or FLOAT not in (here := bound(found, node, types)).values():
            continue
        parameters = _parameters(program, node, found, here, dtype, provider)
        if node.layer in kept:
            made.singles[node] = "kept by --keep-fp32"
        elif not parameters:
            made.singles[node] = _lacking(node, dtype, provider)
        elif (problem := _overflow(node, found, parameters, program, narrowing)) is not None:
            made.singles[node] = made.unfit[node] = problem
        else:
            made.halves[node] = parameters
    _apply_table(made, dtype)
    _movers_between_singles(program, made, types)
    return made


def _lacking(node: OnnxNode, dtype: str, provider: str | None) -> str:
    short = SHORT[dtype]
    return f"no {short} kernel in {provider}" if provider else f"ONNX has no {node.op_type} in {short}"


def _parameters(
    program: Program, node: OnnxNode, found: Signature, types: Mapping[str, str], dtype: str, provider: str | None
) -> frozenset[str]:
    """The type parameters that can be half: that of the first output alone if it may, or all; none if neither."""
    opset = program.opsets.get(node.domain, 1)
    allowed = _allowed(node, opset, dtype)
    main = found.outputs[0]
    if types.get(main) != FLOAT:
        return frozenset()
    every = frozenset(p for p, t in types.items() if t == FLOAT and (allowed is None or p in allowed))
    for chosen in (frozenset({main}), every):
        then = {**types, **dict.fromkeys(chosen, dtype)}
        if main in every and (provider is None or supports(provider, node.op_type, opset, then, node.domain)):
            return chosen
    return frozenset()


def _allowed(node: OnnxNode, opset: int, dtype: str) -> set[str] | None:
    """The type parameters that the operator's schema lets be of the dtype; None where there is no schema to ask."""
    if node.domain:
        return None
    schema = onnx.defs.get_schema(node.op_type, opset, "")
    return {c.type_param_str for c in schema.type_constraints if f"tensor({dtype})" in c.allowed_type_strs}


def _overflow(
    node: OnnxNode, found: Signature, parameters: frozenset[str], program: Program, narrowing: Narrowing
) -> str | None:
    """What is wrong with the node's constants in half precision, if anything."""
    for parameter, tensor in zip(found.inputs, node.inputs, strict=True):
        if parameter in parameters and program.is_constant(tensor) and not (lost := narrowing.loss(tensor)).fits:
            return _unfit(tensor, lost)
    return None


def _unfit(tensor: str, lost: Loss) -> str:
    if lost.largest is not None:
        return f"`{tensor}` holds {lost.largest:.4g}, which is too large"
    return f"`{tensor}` holds numbers that are too small" if lost.coarse else f"`{tensor}` would vanish"


def _apply_table(made: Plan, dtype: str) -> None:
    layers: dict[str, str] = {}
    for node in list(made.halves):
        entry = _entry(node)
        if entry is None or dtype not in entry.dtypes:
            continue
        _stay(made, [node], entry.reason)
        if entry.scope == "layer":
            layers.setdefault(node.layer, entry.reason)
    for node in [n for n in made.halves if n.layer in layers]:
        _stay(made, [node], layers[node.layer])


def _entry(node: OnnxNode) -> Single | None:
    if node.op_type == "Mul" and not node.domain and len(set(node.inputs)) == 1:
        return SQUARE
    return None if node.domain else SINGLE.get(node.op_type)


def _stay(made: Plan, nodes: Iterable[OnnxNode], reason: str) -> None:
    for node in nodes:
        del made.halves[node]
        made.singles[node] = reason


def _movers_between_singles(program: Program, made: Plan, types: Mapping[str, str]) -> None:
    """Let nodes that only move numbers stay in fp32 where all around them does."""
    movers = {node for node in made.halves if node.op_type in MOVERS and not node.domain}
    single = {*made.singles, *movers}
    while gone := [node for node in movers if not all(n in single for n in _around(program, node, types))]:
        movers.difference_update(gone)
        single.difference_update(gone)
    for node in [n for n in made.halves if n in movers]:
        _stay(made, [node], "")


def _around(program: Program, node: OnnxNode, types: Mapping[str, str]) -> Iterator[OnnxNode]:
    """The nodes that make or read the floating-point tensors of this one."""
    for tensor in node.inputs:
        if types.get(tensor) == FLOAT and (producer := program.producer(tensor)) is not None:
            yield producer
    for tensor in node.outputs:
        yield from program.consumers(tensor)
