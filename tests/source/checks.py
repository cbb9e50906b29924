"""What must hold of every written module."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

import archc
from archc.backends.torch_module import load
from archc.backends.torch_source import source
from archc.graph.graph import Graph, Mode
from tests.source.reference import Reference, buffers


def graph_of(folder: Path, text: str, **params: object) -> Graph:
    """A spec's graph."""
    path = folder / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    return archc.compile(path, **params).graph


def module_of(graph: Graph) -> nn.Module:
    return load(source(graph))()


def scrambled(module: nn.Module) -> nn.Module:
    """The module with numbers in every weight and buffer that tell them apart."""
    draw = torch.Generator().manual_seed(0)
    for key, value in module.state_dict().items():
        if value.is_floating_point():
            low, high = (0.5, 1.5) if key.endswith("running_var") else (-0.5, 0.5)
            value.uniform_(low, high, generator=draw)
    return module


def same_state(graph: Graph, module: nn.Module) -> None:
    """The state_dict has the graph's keys, in its order, with its shapes."""
    state = module.state_dict()
    assert list(state) == [e.key for e in graph.state]
    assert [tuple(v.shape) for v in state.values()] == [e.weight.shape for e in graph.state]


def same_results(graph: Graph, module: nn.Module, *, batch: int = 2) -> None:
    """Outputs of both modes, and batch norm's statistics after training, are those of the layers run one by one."""
    scrambled(module)
    draw = torch.Generator().manual_seed(1)
    inputs = [torch.randn(batch, *t.shape.dims, generator=draw) for t in graph.inputs.values()]
    modes: tuple[Mode, Mode] = ("eval", "train")
    for mode in modes:
        reference = Reference(graph, module.state_dict())
        torch.manual_seed(2)
        expected = reference.run(mode, *inputs)
        torch.manual_seed(2)
        found = _as_dict(module.train(mode == "train")(*[i.clone() for i in inputs]), list(expected))
        assert list(found) == list(expected)
        for name, value in expected.items():
            assert _equal(found[name], value), f"{name} differs in {mode} mode"
        state = module.state_dict()
        live = {n.path for n in graph.live(mode)}
        for key, value in buffers(reference).items():
            if key.rpartition(".")[0] in live:
                assert _equal(state[key], value), f"{key} differs after a run in {mode} mode"
    _backward(found)


def _equal(a: Tensor, b: Tensor) -> bool:
    """Bit for bit; where numbers overflowed, in both."""
    return torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)


def _as_dict(value: Tensor | dict[str, Tensor], names: list[str]) -> dict[str, Tensor]:
    return value if isinstance(value, dict) else {names[0]: value}


def _backward(outputs: dict[str, Tensor]) -> None:
    """Gradients can be computed: nothing was overwritten that they need."""
    total = sum(value.sum() for value in outputs.values())
    if isinstance(total, Tensor) and total.requires_grad:
        total.backward()


def check(graph: Graph) -> nn.Module:
    """All of this; gives the module."""
    module = module_of(graph)
    same_state(graph, module)
    same_results(graph, module)
    return module
