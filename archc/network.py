"""The Python API: a compiled network, and what can be made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archc.compiler import Shapes, SpecFile, open_spec
from archc.diagnostics.diagnostic import CompileError, Diagnostic, RequestError
from archc.graph.graph import Graph, Mode

if TYPE_CHECKING:
    from torch import nn

    from archc.backends.onnx import OnnxReport
    from archc.backends.table import Table


@dataclass(frozen=True)
class Network:
    """A network whose every shape is known and checked. ``archc.compile`` makes it.

    In a terminal (``rich.print``) and in a notebook it shows itself as its table.
    """

    graph: Graph
    warnings: tuple[Diagnostic, ...]
    file: SpecFile
    params: Mapping[str, Any]
    input: Shapes | None

    @classmethod
    def of(cls, file: SpecFile, variant: str | None, params: Mapping[str, Any], input: Shapes | None) -> Network:
        """The network of a file that is already read. Raises CompileError and RequestError."""
        compiled = file.compile(variant, params, input)
        return cls(compiled.graph, compiled.warnings, file, params, input)

    def table(
        self, *, mode: Mode = "eval", batch: int = 1, depth: int | None = None, unfold: bool = False,
        columns: Sequence[str] | None = None, convention: str | None = None,
    ) -> Table:  # fmt: skip
        """The layers with their shapes and costs.

        ``convention`` is ``"torchinfo"``, ``"fvcore"`` or ``"ptflops"`` for operations as that tool counts them.
        Raises archc.backends.table.TableError for an unknown column or convention.
        """
        from archc.backends.table import Table

        return Table(
            self.graph, mode=mode, batch=batch, depth=depth, unfold=unfold, columns=columns, convention=convention
        )

    def source(self) -> str:
        """One PyTorch module as text, that imports torch alone. torch itself is not needed to write it."""
        from archc.backends.torch_source import source

        return source(self.graph, self.alternatives)

    @cached_property
    def alternatives(self) -> tuple[Graph, ...]:
        """The same network with another number of classes: what differs is what the source leaves to its caller."""
        classes = self.graph.params.get("num_classes")
        if not isinstance(classes, int) or isinstance(classes, bool):
            return ()
        other = {**self.params, "num_classes": classes + 1}
        try:
            return (self.file.compile(self.graph.variant, other, self.input).graph,)
        except CompileError:  # the spec holds for this number alone, as with `labels`
            return ()

    def module(self) -> nn.Module:
        """The network as an ``nn.Module`` with fresh weights: the generated source, executed. Needs torch."""
        from archc.backends.torch_module import module

        return module(self.graph, self.alternatives)

    def onnx(
        self, path: str | Path, *, weights: Any = None, seed: int = 0, external_data_from: int | None = None
    ) -> OnnxReport:
        """Write the network, in eval mode, as ONNX; needs onnx and numpy.

        ``weights`` is a ``.safetensors``, ``.pth`` or ``.pt`` file, or a mapping from state_dict keys to arrays (or
        tensors); without it they are drawn from ``seed`` by the spec's ``init``. Weights of ``external_data_from``
        bytes or more get a file of their own. Raises archc.backends.weights.WeightsError where the weights are not
        those of the network, and archc.files.WriteError where the files can't be written.
        """
        from archc.backends.onnx import save
        from archc.backends.weights import load

        tensors = load(weights) if isinstance(weights, str | Path) else weights
        return save(self.graph, Path(path), weights=tensors, seed=seed, external_data_from=external_data_from)

    def __rich__(self) -> Any:
        return self.table().__rich__()

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()  # pyright: ignore[reportPrivateUsage]

    def __repr__(self) -> str:
        inputs = ", ".join(f"{name} {t.shape}" for name, t in self.graph.inputs.items())
        return f"<archc.Network {self.graph.variant}: {inputs}, {len(self.graph.nodes)} layers>"


def compile(spec: str | Path, *, variant: str | None = None, input: Shapes | None = None, **params: Any) -> Network:
    """The network that a spec describes.

    ``spec`` is a YAML file, ``file:variant``, or a name of the library such as ``"resnet50"``. ``input`` gives other
    shapes, without the batch; ``params`` other values of the spec's parameters, as in
    ``archc.compile("resnet50", num_classes=10)``.

    Raises CompileError, whose ``diagnostics`` say all that is wrong with the spec and where, and RequestError where
    there is no such spec, variant, parameter or input.
    """
    file, named = open_spec(spec)
    if variant is not None and named is not None and variant != named:
        raise RequestError(f"`{spec}` already names the variant `{named}`")
    return Network.of(file, variant or named, params, input)
