"""A graph computed layer by layer, each by its op's own PyTorch rule: all that stands between is to be seen.

The generated source computes the same, but writes some layers as expressions and works in place, so that its values
can't all be watched. Where an output differs, this tells which layer it comes from; and weights are scaled by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from archc.backends.weights import Array
from archc.graph.graph import Graph, Node
from archc.graph.graph import Tensor as Value
from archc.ops.base import TorchExpression, TorchModule

State = Mapping[str, Array]


def computed(graph: Graph, state: State, inputs: Mapping[str, Tensor]) -> Iterator[tuple[Node, tuple[Tensor, ...]]]:
    """Each layer that is alive in eval mode with what it gives, in order. Tensors are let go of once used."""
    yield from walk(graph, inputs, lambda node: Layer(node, state))


def walk(
    graph: Graph, inputs: Mapping[str, Tensor], made: Callable[[Node], Callable[[Sequence[Tensor]], tuple[Tensor, ...]]]
) -> Iterator[tuple[Node, tuple[Tensor, ...]]]:
    """As ``computed``, each layer being what ``made`` makes of its node."""
    nodes = graph.live("eval")
    uses = Counter(t for node in nodes for t in node.inputs)
    held: dict[Value, Tensor] = {value: inputs[name] for name, value in graph.inputs.items()}
    for node in nodes:
        given = made(node)([held[t] for t in node.inputs])
        yield node, given
        for value in node.inputs:
            uses[value] -= 1
            if not uses[value]:
                held.pop(value, None)
        held.update((t, y) for t, y in zip(node.outputs, given, strict=True) if uses[t])


def by_output(given: object, outputs: Iterable[str]) -> dict[str, Tensor]:
    """What a module gives, by name: one output comes as a tensor, several as a dict."""
    return cast("dict[str, Tensor]", given) if isinstance(given, dict) else {next(iter(outputs)): cast(Tensor, given)}


def tensors(arrays: Mapping[str, Array]) -> dict[str, Tensor]:
    """The arrays as PyTorch's tensors."""
    return {name: _tensor(array) for name, array in arrays.items()}


def _tensor(array: Array) -> Tensor:
    """Of the array's memory where it may be written to; PyTorch takes no other."""
    return torch.as_tensor(np.require(array, requirements=["C", "W"]))


class Layer:
    """One node with its weights, in eval mode."""

    def __init__(self, node: Node, state: State) -> None:
        weights = {name: _tensor(state[node.key(name)]) for name in node.weights}
        self._parameter = weights.get("")
        self.run = None if self._parameter is not None else _runnable(node, weights)

    def __call__(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        if self.run is None:
            assert self._parameter is not None
            return (self._parameter,)
        given: Any = self.run(*inputs)
        return tuple(cast("Sequence[Tensor]", given)) if isinstance(given, tuple | list) else (given,)


def _runnable(node: Node, weights: Mapping[str, Tensor]) -> Callable[..., Any]:
    form = node.op.torch(*[t.shape for t in node.inputs])
    return _module(form, weights) if isinstance(form, TorchModule) else _expression(form, len(node.inputs))


def _module(form: TorchModule, weights: Mapping[str, Tensor]) -> nn.Module:
    made = _instance(form, weights)
    made.load_state_dict(dict(weights), strict=True, assign=True)
    return made.eval()


def _instance(form: TorchModule, weights: Mapping[str, Tensor]) -> nn.Module:
    """Without numbers of its own, unless it has some that no state_dict has."""
    cls: type[nn.Module] = eval(form.cls, _namespace(form.helper))
    values = list(form.args.values())
    named = dict(list(form.args.items())[form.positional :])
    with torch.device("meta"):
        made = cls(*values[: form.positional], **named)
    if all(name in weights for name, _ in made.named_buffers()):
        return made
    return cls(*values[: form.positional], **named)


def _expression(form: TorchExpression, count: int) -> Callable[..., Any]:
    names = [f"x{i}" for i in range(count)]
    return eval(f"lambda {', '.join(names)}: {form.template.format(*names)}", _namespace(form.helper))


def _namespace(helper: str | None) -> dict[str, Any]:
    """What an op's text may name: torch, and its helper."""
    names: dict[str, Any] = {"torch": torch, "nn": nn, "Tensor": Tensor}
    exec(helper or "", names)
    return names
