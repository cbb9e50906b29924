"""Other numbers than fp32: a package for each kind, with ``ProgramPass``es made from what the caller chose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from archc.backends.onnx.passes.base import ProgramPass
from archc.diagnostics.diagnostic import RequestError
from archc.graph.graph import Graph

if TYPE_CHECKING:
    from archc.backends.onnx.export import Export


def _fp16(graph: Graph, export: Export) -> list[ProgramPass]:
    from archc.backends.onnx.precision.half import Fp16
    from archc.backends.onnx.precision.half.gelu import Gelus

    return [Gelus(), Fp16(export.profile.provider, export.keep_fp32, export.calibration, graph.preprocess)]


def _bf16(graph: Graph, export: Export) -> list[ProgramPass]:
    from archc.backends.onnx.precision.half import Bf16
    from archc.backends.onnx.precision.half.forms import Bf16Forms
    from archc.backends.onnx.precision.half.gelu import Gelus

    return [Gelus(), Bf16Forms(), Bf16(export.profile.provider, export.keep_fp32, export.calibration, graph.preprocess)]


def _int8(graph: Graph, export: Export) -> list[ProgramPass]:
    from archc.backends.onnx.calibration import HINT
    from archc.backends.onnx.precision.int8.quantize import QuantizeInt8

    if export.calibration is None:
        raise RequestError(f"the profile `{export.profile.name}` is to be calibrated on images", HINT)
    return [QuantizeInt8(export.calibration, graph.preprocess, export.keep_fp32)]


_KINDS: dict[str, Callable[[Graph, Export], list[ProgramPass]]] = {"fp16": _fp16, "bf16": _bf16, "int8": _int8}


def conversions(graph: Graph, export: Export) -> list[ProgramPass]:
    """The passes that let the network compute in the profile's precision; none for fp32. Raises RequestError."""
    made = _KINDS.get(export.profile.precision)
    found = [] if made is None else made(graph, export)
    if export.int8_classifier:
        from archc.backends.onnx.precision.classifier import Int8Classifier

        found.append(Int8Classifier(export.keep_fp32, export.calibration, graph.preprocess))
    return found


def declarations(export: Export) -> Iterator[ProgramPass]:
    """The pass that gives inputs and outputs the types asked for, over the model as a whole."""
    from archc.backends.onnx.precision.io import Declare
    from archc.backends.onnx.precision.types import FP32_IO

    if export.io != FP32_IO:
        yield Declare(export.io)
