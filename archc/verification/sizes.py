"""The same network at a size that nothing divides: where padding, strides and pools round, mistakes show."""

from __future__ import annotations

from archc.diagnostics.diagnostic import CompileError
from archc.display.numbers import by_axis
from archc.graph.graph import Graph
from archc.network import Network

Shapes = dict[str, tuple[int, ...]]
_SMALLER = (97, 113)  # of 224


def at_odd_size(network: Network, *, same_weights: bool) -> Network | str:
    """The network on maps of odd sides, smaller ones if it takes them; or why there is none.

    With ``same_weights`` all its weights must have the shapes that they have now.
    """
    shapes = {name: tensor.shape.dims for name, tensor in network.graph.inputs.items()}
    if not any(len(dims) == 3 for dims in shapes.values()):
        return "its inputs are no maps"
    why = ""
    for wanted in ({n: _smaller(d) for n, d in shapes.items()}, {n: _larger(d) for n, d in shapes.items()}):
        if wanted == shapes:
            continue
        try:
            found = Network.of(network.file, network.graph.variant, network.params, wanted)
        except CompileError as e:
            why = why or f"it does not compile at {input_text(wanted)}: {e.diagnostics[0].message}"
            continue
        changed = other_weight(network.graph, found.graph) if same_weights else None
        if changed is None:
            return found
        why = f"at {input_text(wanted)} {changed}"
    return why


def other_weight(graph: Graph, other: Graph) -> str | None:
    """The first weight that has another shape in the other graph, in words; None where all are alike."""
    shapes = {entry.key: entry.weight.shape for entry in other.state}
    for entry in graph.state:
        if shapes.get(entry.key) != entry.weight.shape:
            there = by_axis(shapes[entry.key]) if entry.key in shapes else "missing"
            return f"`{entry.key}` would be {there}, and it is {by_axis(entry.weight.shape)}"
    return None


def input_text(shapes: Shapes) -> str:
    """``3 × 97 × 113``, or with names where there are several."""
    if len(shapes) == 1:
        return by_axis(next(iter(shapes.values())))
    return ", ".join(f"{name} {by_axis(dims)}" for name, dims in shapes.items())


def shapes_of(graph: Graph) -> Shapes:
    return {name: tensor.shape.dims for name, tensor in graph.inputs.items()}


def _smaller(dims: tuple[int, ...]) -> tuple[int, ...]:
    if len(dims) != 3:
        return dims
    return (dims[0], *(side * wanted // 224 | 1 for side, wanted in zip(dims[1:], _SMALLER, strict=True)))


def _larger(dims: tuple[int, ...]) -> tuple[int, ...]:
    return dims if len(dims) != 3 else (dims[0], dims[1] + 1 | 1, dims[2] + 5 | 1)
