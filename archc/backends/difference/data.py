"""A comparison for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from archc.backends.difference.rows import label
from archc.backends.difference.sections import FIGURES, verdict
from archc.backends.table.rows import reference
from archc.graph.comparison import Change, Comparison
from archc.graph.comparison.carry import Carry, Pair
from archc.graph.graph import Child, Entry, Graph, Node, Tensor

WIDTH = 110  # columns in which a value of the JSON stands on one line


def json_text(value: Any, indent: str = "") -> str:
    """JSON in which what is short stands on one line."""
    import json

    short = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(indent) + len(short) <= WIDTH:
        return short
    inner = indent + "  "
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        parts = [f"{json.dumps(name)}: {json_text(part, inner)}" for name, part in named.items()]
    else:
        parts = [json_text(part, inner) for part in cast("list[Any]", value)]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    return f"{begin}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{end}"


def data(comparison: Comparison) -> dict[str, Any]:
    """Nothing but plain values. What one network does not have is null; ``a`` and ``b`` are as in the whole."""
    a, b = comparison.a, comparison.b
    return {
        "a": _network(a),
        "b": _network(b),
        "same": comparison.same,
        "verdict": verdict(comparison),
        "spec_params": _changed(a.params, b.params),
        "declared": list(comparison.declared),
        "totals": {f.name: _two(f.of(comparison, 0), f.of(comparison, 1)) for f in FIGURES},
        "inputs": _shapes(a.inputs, b.inputs),
        "inputs_changed": list(comparison.inputs),
        "outputs": _shapes(a.outputs, b.outputs),
        "train_outputs": _shapes(a.train_outputs, b.train_outputs),
        "outputs_changed": list(comparison.outputs),
        "changes": [_change(comparison, change) for change in comparison.changes],
        "weights": _weights(comparison.weights),
    }


def _network(graph: Graph) -> dict[str, Any]:
    return {
        "spec": graph.spec_name, "name": graph.name, "variant": graph.variant, "title": graph.title,
        "hash": graph.spec_hash,
    }  # fmt: skip


def _two(a: int, b: int) -> dict[str, int]:
    return {"a": a, "b": b, "difference": b - a}


def _changed(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    names = [n for n in {**a, **b} if (n in a) != (n in b) or a[n] != b[n]]
    return {n: {"a": a.get(n), "b": b.get(n)} for n in names}


def _shapes(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> dict[str, Any]:
    return {n: {"a": _dims(a.get(n)), "b": _dims(b.get(n))} for n in {**a, **b}}


def _dims(tensor: Tensor | None) -> list[int] | None:
    return None if tensor is None else list(tensor.shape.dims)


def _change(comparison: Comparison, change: Change) -> dict[str, Any]:
    (a_params, a_macs), (b_params, b_macs) = comparison.spent(change)
    reads = change.reads or ([], [])
    return {
        "kind": change.kind,
        "a": _child(change.a),
        "b": _child(change.b),
        "arguments": {name: {"a": _plain(a), "b": _plain(b)} for name, (a, b) in change.arguments.items()},
        "reads": {"a": [*map(reference, reads[0])], "b": [*map(reference, reads[1])]} if change.reads else None,
        "params": _two(a_params, b_params),
        "macs": _two(a_macs, b_macs),
    }


def _child(child: Child | None) -> dict[str, Any] | None:
    if child is None:
        return None
    return {
        "path": child.path,
        "is": label(child),
        "op": child.op.name if isinstance(child, Node) else None,
        "output": [list(t.shape.dims) for t in child.outputs],
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _weights(weights: Carry) -> dict[str, Any]:
    return {
        "complete": weights.complete,
        "reordered": weights.reordered,
        "carried": _keys(p.b for p in weights.carried),
        "displaced": _keys(p.b for p in weights.displaced),
        "other_op": [{"key": p.b.key, "a": p.a.node.op.name, "b": p.b.node.op.name} for p in weights.other_op],
        "renamed": [_pair(p) for p in weights.renamed],
        "reshaped": [
            {"key": p.b.key, "a": list(p.a.weight.shape), "b": list(p.b.weight.shape)} for p in weights.reshaped
        ],
        "fresh": _keys(weights.fresh),
        "dropped": _keys(weights.dropped),
    }


def _keys(entries: Iterable[Entry]) -> list[str]:
    return [e.key for e in entries]


def _pair(pair: Pair) -> dict[str, str]:
    return {"a": pair.a.key, "b": pair.b.key}
