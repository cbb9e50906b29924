"""Receptive fields through branches: which positions of an input an output position depends on.

The arithmetic of Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019:
each op maps (size, stride, start) from its input to its output, and where branches join, the field is the union of
theirs. Every axis is followed by itself, so that permutations and windows that are not square are no special case.

Conventions: the field is the whole band, padding included and not cut at the border of the input. Where positions
differ, as after an upsampling, it is the widest one. It is that of eval mode. A gate such as squeeze-excite is a
branch like any other: what it multiplies sees all, and so does what a group norm gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from archc.graph.band import Band, Length
from archc.graph.graph import Graph, Node, Tensor
from archc.ops.base import Reach
from archc.ops.shape import Shape


class Field(NamedTuple):
    """By axis of the input after its channels, height first: size and stride in input positions.

    A size of None is the whole axis; a stride of None says that the output has no positions along it any more.
    """

    sizes: tuple[int | None, ...]
    strides: tuple[Length | None, ...]


# By axis of a tensor: its band, or None where the axis has no positions of the input. An input's axis
# that no band names is seen whole.
_Bands = tuple[Band | None, ...]
# By name of the network's input; a tensor that depends on none of them is empty.
_State = dict[str, _Bands]


def receptive_fields(graph: Graph, nodes: Iterable[Node]) -> dict[Node, Field | None]:
    """The field of each node's output; None where it depends on no input. Nodes come after all that they read."""
    states: dict[Tensor, _State] = {t: {name: _start(t.shape)} for name, t in graph.inputs.items()}
    fields: dict[Node, Field | None] = {}
    last_state: _State | None = None
    field: Field | None = None
    for node in nodes:
        state = _after(node, states)
        for tensor in node.outputs:
            states[tensor] = state
        if state is not last_state:
            field, last_state = _field(graph, state), state
        fields[node] = field
    return fields


def _start(shape: Shape) -> _Bands:
    return (None, *(Band(axis) for axis in range(1, len(shape.dims))))


def _after(node: Node, states: dict[Tensor, _State]) -> _State:
    """The state of the node's outputs."""
    read = [t for i, t in enumerate(node.inputs) if i not in node.op.shape_only and states[t]]
    if not read:
        return {}
    shape = node.output.shape
    reach = node.op.reach([t.shape for t in node.inputs], shape)
    if len(read) == 1 and _keeps_positions(reach, read[0].shape, shape):
        return states[read[0]]
    state: _State = {}
    for tensor in read:
        joins = node.op.arity is None
        for name, bands in states[tensor].items():
            moved = _moved(bands, reach, tensor.shape.dims, shape.dims) if joins else _slid(bands, reach)
            state[name] = _union(state[name], moved, shape) if name in state else moved
    return state


def _keeps_positions(reach: Sequence[Reach | None], before: Shape, after: Shape) -> bool:
    """Whether each position reads its own alone; then there is nothing to work out."""
    if len(before.dims) != len(after.dims):
        return False
    return all(
        r is not None and r.axis == axis and r.size == r.stride == 1 and r.start == 0 for axis, r in enumerate(reach)
    )


def _slid(bands: _Bands, reach: Sequence[Reach | None]) -> _Bands:
    return tuple(None if r is None or (band := bands[r.axis]) is None else band.through(r) for r in reach)


def _moved(bands: _Bands, reach: Sequence[Reach | None], dims: tuple[int, ...], out: tuple[int, ...]) -> _Bands:
    """As ``_slid`` for a join: axes are aligned from the last, and one position that is spread over many is none."""
    offset = len(out) - len(dims)

    def of(place: int, r: Reach | None) -> Band | None:
        source = place - offset
        if r is None or source < 0 or (dims[source] == 1 and out[place] > 1):
            return None
        band = bands[source]
        return band and band.through(r)

    return tuple(of(place, r) for place, r in enumerate(reach))


def _union(one: _Bands, other: _Bands, shape: Shape) -> _Bands:
    if one == other:
        return one
    return tuple(_joined(a, b, n) for a, b, n in zip(one, other, shape.dims, strict=True))


def _joined(a: Band | None, b: Band | None, positions: int) -> Band | None:
    if a is None or b is None:
        present = a or b
        return present and present._replace(whole=True)
    return a.union(b, positions) if a.axis == b.axis else None


def _field(graph: Graph, state: _State) -> Field | None:
    """What is shown: of several inputs the one that is seen most of."""
    fields = [_of_input(graph.inputs[name].shape, bands) for name, bands in state.items()]
    return max(fields, key=_extent, default=None)


def _of_input(shape: Shape, bands: _Bands) -> Field:
    by_axis = {band.axis: band for band in bands if band is not None}
    found = [by_axis.get(axis) for axis in range(1, len(shape.dims))]
    return Field(tuple(b and b.size for b in found), tuple(b and b.stride for b in found))


def _extent(field: Field) -> tuple[int, int, int]:
    return len(field.sizes), field.sizes.count(None), sum(size or 0 for size in field.sizes)
