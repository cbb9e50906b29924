"""``--to onnx``: one model, and, where its weights are large, a file of these beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archc.backends.onnx.passes.base import Applied
from archc.backends.onnx.save import OnnxReport
from archc.backends.weights import WeightsError
from archc.display.numbers import binary, count
from archc.network import Network
from archc.runtime import kernels
from archc.targets import Options, TargetError, Written, stem

MOST_MISSING = 5  # nodes without a kernel that are shown
MOST_BROKEN = 5  # weights that are no numbers, the same


class OnnxTarget:
    """Writes ``NAME.onnx``."""

    needs_weights = True

    def write(self, network: Network, folder: Path, options: Options) -> Written:
        path, external = folder / f"{stem(network)}.onnx", options.external_data_from
        try:
            if options.weights is not None:
                report = options.weights.onnx(path, external_data_from=external, **options.export)
            else:
                report = network.onnx(path, seed=options.seed, external_data_from=external, **options.export)
        except WeightsError as e:
            raise TargetError(str(e)) from e
        return Written(report.files, _summary(report), _notes(report, options))


def _summary(report: OnnxReport) -> str:
    tensors = " → ".join(_shapes(side) for side in (report.inputs, report.outputs))
    target = [report.profile] if report.profile != "portable" else []
    parts = [*target, f"opset {report.opset}", tensors, binary(report.size)]
    if report.folded:
        parts.append(f"{count(report.folded, 'batch norm')} folded")
    return " · ".join(parts)


def _shapes(tensors: dict[str, tuple[int | str, ...]]) -> str:
    return ", ".join(f"{name} [{', '.join(map(str, shape))}]" for name, shape in tensors.items())


def _notes(report: OnnxReport, options: Options) -> list[str]:
    done = _done(report.passes) if options.verbose else ()
    said = [line for one in report.passes if one.report for line in one.report.lines()]
    return [*done, *said, *_on_kernels(report), *_on_weights(report, options), *_on_numbers(report)]


def _on_kernels(report: OnnxReport) -> list[str]:
    """What a GPU would leave to the CPU, so that `archc run --device cuda` would refuse the model."""
    lacking = report.without_kernel
    if not lacking:
        return []
    shown = [f"  {missing}" for missing in lacking[:MOST_MISSING]]
    more = [f"  and {len(lacking) - MOST_MISSING} more"] if len(lacking) > MOST_MISSING else []
    heading = f"warning: without a CUDA kernel in onnxruntime {kernels.version()}, so that they would run on the CPU:"
    return [heading, *shown, *more]


def _done(passes: Sequence[Applied]) -> list[str]:
    """What each pass did, a line for each change."""
    lines: list[str] = []
    for one in passes:
        times = f"{len(one.changes)}×" if one.changes else "nothing to do"
        lines.append(f"pass {one.name}: {times}")
        width = max((len(change.layer) for change in one.changes), default=0)
        lines += [f"  {change.layer:<{width}}  {change.what}" for change in one.changes]
    return lines


def _on_weights(report: OnnxReport, options: Options) -> list[str]:
    if options.weights is None:
        return [f"weights are RANDOM, drawn from seed {report.seed}; --weights FILE gives trained ones"]
    found = options.weights.report
    return [f"weights {options.weights.source}: {len(found.loaded)} of {found.expected} loaded", *options.weights.notes]


def _on_numbers(report: OnnxReport) -> list[str]:
    if not report.not_finite:
        return []
    names = [f"`{name}`" for name in report.not_finite]
    more = f" and {len(names) - MOST_BROKEN} more" if len(names) > MOST_BROKEN else ""
    return [f"warning: NaN or infinite numbers in {', '.join(names[:MOST_BROKEN])}{more}"]


target = OnnxTarget()
