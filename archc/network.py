"""The Python API: a compiled network, and what can be made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import warn

from archc.compiler import Shapes, SpecFile, open_spec
from archc.diagnostics.diagnostic import CompileError, Diagnostic, RequestError
from archc.graph.graph import Graph, Mode, named_shapes

if TYPE_CHECKING:
    from torch import nn

    from archc.backends.difference import Difference
    from archc.backends.onnx.save import OnnxReport
    from archc.backends.table import Table
    from archc.backends.weights.fit import Report
    from archc.backends.weights.loading import Loaded

File = str | Path


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
        Raises archc.TableError for an unknown column or convention.
        """
        from archc.backends.table import Table

        return Table(
            self.graph, mode=mode, batch=batch, depth=depth, unfold=unfold, columns=columns, convention=convention
        )

    def diff(self, other: Network) -> Difference:
        """What differs from this network to another, and which of its weights carry over."""
        from archc.backends.difference import Difference
        from archc.graph.comparison import Comparison

        names = self.graph.spec_name, other.graph.spec_name
        return Difference(*names, [Comparison(self.graph, other.graph)])

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

    def load_weights(
        self, weights: File | Mapping[str, Any], *, partial: bool = False, ema: bool = False,
        other_structure: bool = False, seed: int = 0, check: bool = True,
    ) -> Weighted:  # fmt: skip
        """The weights in a file, as those of this network; needs numpy, and torch for files of ``torch.save``.

        ``weights`` is a ``.safetensors`` file or one of ``torch.save``, or a mapping from state_dict keys to arrays (or
        tensors). All must be there, and no others; ``partial`` takes what fits, and the rest starts from ``seed`` by
        the spec's ``init``, as the classifier does where ``num_classes`` was set to another number than the file's.
        ``ema`` takes the averaged weights of a checkpoint. ``other_structure`` takes a file that archc wrote from a
        network that computes something else. Without ``check`` any file is taken: see ``report`` of the result.

        The result's ``network`` is this one, or, where the spec's ``weights`` says that the file is of other
        parameters, the one with these. Raises archc.WeightsError.
        """
        from archc.backends.weights import load as read
        from archc.backends.weights import tensors_of
        from archc.backends.weights.loading import examine, load

        tensors = read(weights, ema=ema) if isinstance(weights, str | Path) else tensors_of(weights)
        options: dict[str, Any] = {"given": self.params, "recompile": self._graph_with, "seed": seed}
        if not check:
            loaded = examine(self.graph, tensors, **options)
        else:
            loaded = load(self.graph, tensors, partial=partial, other_structure=other_structure, **options)
        return Weighted(self._with(loaded.changes) if loaded.changes else self, loaded)

    def _with(self, changes: Mapping[str, Any]) -> Network:
        """The same network, with other values of some parameters."""
        return Network.of(self.file, self.graph.variant, {**self.params, **changes}, self.input)

    def _graph_with(self, changes: Mapping[str, Any]) -> Graph:
        return self._with(changes).graph

    def module(
        self, *, weights: File | Mapping[str, Any] | None = None, partial: bool = False, ema: bool = False,
        other_structure: bool = False, seed: int = 0,
    ) -> nn.Module:  # fmt: skip
        """The network as an ``nn.Module``: the generated source, executed. Needs torch.

        Without ``weights`` they are fresh, of PyTorch's random numbers; the other arguments are those of
        ``load_weights``. A WeightsWarning says what was not taken of a file, and which parameters are the file's.
        """
        from archc.backends.torch_module import module

        if weights is None:
            return module(self.graph, self.alternatives)
        loaded = self.load_weights(weights, partial=partial, ema=ema, other_structure=other_structure, seed=seed)
        for line in loaded.report.effects(seed):
            warn(line, WeightsWarning, stacklevel=2)
        return loaded.module()

    def onnx(
        self, path: str | Path, *, weights: File | Mapping[str, Any] | None = None, partial: bool = False,
        ema: bool = False, other_structure: bool = False, seed: int = 0, external_data_from: int | None = None,
        profile: str = "portable", **export: Any,
    ) -> OnnxReport:  # fmt: skip
        """Write the network, in eval mode, as ONNX; needs onnx and numpy.

        ``profile`` names the target; ``export`` are other arguments of ``archc.backends.onnx.export.Export.of``.

        Without ``weights`` they are drawn from ``seed`` by the spec's ``init``; ``partial``, ``ema`` and
        ``other_structure`` are those of ``load_weights``. Weights of ``external_data_from`` bytes or more get a file of
        their own. Raises archc.WeightsError where the weights are not those of the network, archc.RequestError where
        there is no such profile or pass, and archc.WriteError where the files can't be written.
        """
        from archc.backends.onnx.export import Export
        from archc.backends.onnx.save import save

        chosen = Export.of(profile, **export)
        if weights is None:
            return save(self.graph, Path(path), seed=seed, external_data_from=external_data_from, export=chosen)
        loaded = self.load_weights(weights, partial=partial, ema=ema, other_structure=other_structure, seed=seed)
        return loaded.onnx(path, external_data_from=external_data_from, profile=profile, **export)

    def __rich__(self) -> Any:
        return self.table().__rich__()

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()  # pyright: ignore[reportPrivateUsage]

    def __repr__(self) -> str:
        inputs = named_shapes(self.graph.inputs)
        return f"<archc.Network {self.graph.variant}: {inputs}, {len(self.graph.nodes)} layers>"


class WeightsWarning(UserWarning):
    """A file of weights was not taken as it is, or the network was made to fit it."""


@dataclass(frozen=True)
class Weighted:
    """A network and its weights. ``Network.load_weights`` makes it."""

    network: Network
    loaded: Loaded

    @property
    def source(self) -> str:
        """What messages call the file."""
        return self.loaded.tensors.source

    @property
    def report(self) -> Report:
        """How the file compares with the network."""
        return self.loaded.report

    @property
    def notes(self) -> list[str]:
        """What is to be said where the file was not taken as it is, a line each."""
        return self.report.remarks(self.loaded.seed)

    def module(self) -> nn.Module:
        """The network as an ``nn.Module`` with copies of the weights."""
        from archc.backends.torch_module import module_with

        return module_with(self.network.graph, self.loaded, self.network.alternatives)

    def onnx(
        self, path: str | Path, *, external_data_from: int | None = None, profile: str = "portable", **export: Any
    ) -> OnnxReport:
        """Write the network with the weights as ONNX, as ``Network.onnx`` does."""
        from archc.backends.onnx.export import Export
        from archc.backends.onnx.save import save

        return save(
            self.network.graph, Path(path), weights=self.loaded, external_data_from=external_data_from,
            export=Export.of(profile, **export),
        )  # fmt: skip

    def save(self, path: str | Path) -> None:
        """Write the weights, by the network's keys, as ``.safetensors``. Raises archc.WriteError."""
        self.loaded.save(path)


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
