"""A graph run layer by layer, each by its own op: what the written module must give, found another way."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from archc.graph.graph import Graph, Mode, Node
from archc.ops.base import TorchModule


class Reference:
    """Holds one module for each layer that has one, with the weights of a state_dict."""

    def __init__(self, graph: Graph, state: dict[str, Tensor]) -> None:
        self.graph = graph
        self.state = {key: value.detach().clone() for key, value in state.items()}
        self.modules = {id(n): self._module(n) for n in graph.nodes if "" not in n.weights}

    def _module(self, node: Node) -> nn.Module | None:
        form = node.op.torch(*(t.shape for t in node.inputs))
        if not isinstance(form, TorchModule):
            return None
        scope: dict[str, Any] = {"torch": torch, "nn": nn, "Tensor": Tensor}
        if form.helper:
            exec(form.helper, scope)
        module: nn.Module = eval(form.cls, scope)(**form.args)
        prefix = f"{node.path}."
        own = {name: self.state[prefix + name] for name in node.weights}
        module.load_state_dict(own)
        return module

    def run(self, mode: Mode, *inputs: Tensor) -> dict[str, Tensor]:
        """The outputs of a mode; draws random numbers in the order of the layers."""
        values = {id(t): v for t, v in zip(self.graph.inputs.values(), inputs, strict=True)}
        for node in self.graph.live(mode):
            given = [values[id(t)] for t in node.inputs]
            made = self._run(node, mode, given)
            values.update(zip(map(id, node.outputs), made if node.many else [made], strict=True))
        return {name: values[id(t)] for name, t in self.graph.outputs_of(mode).items()}

    def _run(self, node: Node, mode: Mode, given: list[Tensor]) -> Any:
        if "" in node.weights:
            return self.state[node.path]
        module = self.modules[id(node)]
        if module is not None:
            return module.train(mode == "train")(*given)
        form = node.op.torch(*(t.shape for t in node.inputs))
        scope: dict[str, Any] = {"torch": torch, "nn": nn}
        if form.helper:
            exec(form.helper, scope)
        text = re.sub(r"\{(\d+)\}", r"given[\1]", form.template)  # pyright: ignore[reportAttributeAccessIssue]
        return eval(text, scope, {"given": given})


def buffers(reference: Reference) -> dict[str, Tensor]:
    """The buffers after a run, by key."""
    found: dict[str, Tensor] = {}
    for node in reference.graph.nodes:
        module = reference.modules.get(id(node))
        if module is not None:
            found.update(
                {f"{node.path}.{name}": value for name, value in module.named_buffers() if name in node.weights}
            )
    return found
