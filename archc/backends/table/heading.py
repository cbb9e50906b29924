"""The lines above and below a table."""

from __future__ import annotations

from archc.display.numbers import binary, decimal
from archc.display.text import clean
from archc.graph.conventions import convention
from archc.graph.cost import Cost
from archc.graph.graph import Graph, named_shapes

WIDEST = 120  # characters in which title, source and spec share a line


def head(graph: Graph, cost: Cost) -> list[str]:
    """What it is a table of, and what its numbers mean."""
    title, source, spec = (clean(part or "") for part in (graph.title, graph.source, graph.spec_name))
    one_line = _joined(title, source, spec)
    first = [one_line] if len(one_line) <= WIDEST else [line for line in (_joined(title, spec), source) if line]
    return [*first, f"{inputs(graph)} · {cost.mode} · {_counted(cost)}"]


def inputs(graph: Graph) -> str:
    """``input x 3 × 224 × 224``"""
    return f"input{'s' if len(graph.inputs) > 1 else ''} {named_shapes(graph.inputs)}"


def _counted(cost: Cost) -> str:
    """What the operations are that the table counts."""
    of = " of one sample" if cost.batch > 1 else ""
    if cost.convention is not None:
        return f"{convention(cost.convention).PRINTED}{of} as {cost.convention} counts them"
    return f"MACs: multiply-adds of conv and linear{of}; FLOPs = 2 × MACs"


def totals(graph: Graph, cost: Cost) -> list[str]:
    """The sums, and the outputs where there are several."""
    t = cost.total
    idle = sum(n.params for n in cost.nodes if not n.live)
    of = f"all trainable; {idle:,} in layers that {cost.mode} does not run" if idle else "all trainable"
    lines = [
        f"parameters {t.params:,} ({of}) · {binary(t.param_bytes)} as fp32 · {_operations(cost)}",
        f"activations {decimal(t.activations)} (numbers that conv and linear give)",
        f"peak memory of inference {binary(t.peak_activation_bytes)}"
        f" · saved for backward {binary(t.saved_for_backward_bytes)} (fp32, weights aside, batch {cost.batch})",
    ]
    outputs = graph.outputs_of(cost.mode)
    if len(outputs) > 1:
        lines.append(f"outputs {named_shapes(outputs)}")
    return lines


def _operations(cost: Cost) -> str:
    t = cost.total
    if cost.convention is not None:
        return f"{convention(cost.convention).PRINTED} {decimal(t.macs)} ({cost.convention})"
    return f"MACs {decimal(t.macs)} · FLOPs {decimal(t.flops)}"


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
