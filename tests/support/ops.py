"""Ops run by themselves: their examples, and what PyTorch and onnxruntime make of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from torch import Tensor, nn

from archc.backends.onnx.model import emit_op
from archc.ops import OPS, Op, Shape, TorchExpression, TorchModule, Weight

Outputs = tuple[Tensor, ...]


@dataclass(frozen=True)
class Case:
    """An op on inputs of some shapes."""

    op: Op
    on: tuple[Shape, ...]

    @property
    def results(self) -> list[Shape]:
        """The inferred shapes of the outputs."""
        inferred = self.op.infer(*self.on)
        return inferred if isinstance(inferred, list) else [inferred]

    @property
    def weights(self) -> dict[str, Weight]:
        return self.op.weights(*self.on)

    def inputs(self, batch: int = 3, seed: int = 0) -> list[Tensor]:
        generator = torch.Generator().manual_seed(seed)
        return [2 * torch.randn(full(shape, batch), generator=generator) for shape in self.on]


def full(shape: Shape, batch: int) -> tuple[int, ...]:
    """All sizes, the batch's too where there is one."""
    return (batch, *shape.dims) if shape.batched else shape.dims


def cases(name: str) -> list[Case]:
    """The examples of an op."""
    return [Case(OPS[name].of(*e.args, **e.kwargs), e.on) for e in OPS[name].examples]


class Executed(nn.Module):
    """An op as PyTorch runs it, always giving a tuple. ``weights`` are the tensors it keeps, by the op's names."""

    def __init__(self, made: nn.Parameter | nn.Module | Callable[..., Any]) -> None:
        super().__init__()
        self.made = made

    def forward(self, *inputs: Tensor) -> Outputs:
        given = self.made if isinstance(self.made, nn.Parameter) else self.made(*inputs)
        return given if isinstance(given, tuple) else (given,)

    @property
    def weights(self) -> dict[str, Tensor]:
        prefix = "made"
        return {key.removeprefix(prefix).removeprefix("."): value for key, value in self.state_dict().items()}


def namespace(helper: str | None) -> dict[str, Any]:
    """All names that an op's code may use: those of torch, and its helper's."""
    names: dict[str, Any] = {"torch": torch, "nn": nn, "Tensor": Tensor}
    exec(helper or "", names)
    return names


def class_of(form: TorchModule) -> type[nn.Module]:
    return eval(form.cls, namespace(form.helper))


def executed(form: TorchModule | TorchExpression, **more: Any) -> Executed:
    """The module or expression, made; ``more`` are arguments added to the module's."""
    if isinstance(form, TorchModule):
        values = list(form.args.values())
        named = dict(list(form.args.items())[form.positional :])
        return Executed(class_of(form)(*values[: form.positional], **named, **more))
    places = [f"x[{i}]" for i in range(20)]
    made = eval(f"lambda *x: {form.template.format(*places)}", namespace(form.helper))
    return Executed(made() if form.template.startswith("nn.Parameter") else made)


def random_weights(case: Case, seed: int = 0) -> dict[str, Tensor]:
    """Weights far from where they start; variances, which are buffers, stay positive."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(weight: Weight) -> Tensor:
        if weight.dtype == "int64":
            return torch.zeros(weight.shape, dtype=torch.int64)
        if weight.buffer:
            return 0.5 + torch.rand(weight.shape, generator=generator)
        return torch.randn(weight.shape, generator=generator)

    return {name: drawn(weight) for name, weight in case.weights.items()}


def load(module: Executed, weights: dict[str, Tensor]) -> Executed:
    module.load_state_dict({f"made.{name}" if name else "made": value for name, value in weights.items()})
    return module


def run_torch(module: Executed, inputs: Sequence[Tensor]) -> Outputs:
    with torch.no_grad():
        return tuple(y.detach() for y in module(*inputs))


def run_onnx(case: Case, weights: dict[str, Tensor], batches: Sequence[Sequence[Tensor]]) -> list[list[Any]]:
    """The outputs of the op's ONNX form, for each batch of inputs."""
    model = emit_op(case.op, case.on, {name: value.numpy() for name, value in weights.items()})
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [session.run(None, {f"x{i}": x.numpy() for i, x in enumerate(inputs)}) for inputs in batches]


def relative_error(found: Any, expected: Any) -> float:
    """‖found − expected‖ / ‖expected‖, in float64."""
    a, b = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert a.shape == b.shape, f"{a.shape} is not {b.shape}"
    scale = float(np.linalg.norm(b))
    return float(np.linalg.norm(a - b)) / (scale or 1.0)
