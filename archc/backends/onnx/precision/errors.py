"""What rounding costs: the quantised program beside the one in fp32, on the same samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from math import inf, isfinite, log10, nan
from typing import TYPE_CHECKING

import numpy as np

from archc.backends.onnx.precision.evaluate import Sample, portions, run, session
from archc.backends.onnx.program import Program
from archc.backends.onnx.values import Array

if TYPE_CHECKING:
    from archc.backends.onnx.precision.int8.numbers import Quantizer

BEHIND = " alone"  # after a tensor's name, where a layer makes it by itself; paths have no spaces
LAYER_SAMPLES = 16  # enough to tell which layers lose most


@dataclass(slots=True)
class Loss:
    """Sums over samples of one tensor: of squares, and of squared differences; and how often the classes agree."""

    signal: float = 0.0
    noise: float = 0.0
    agreeing: int = 0
    classified: int = 0

    def see(self, exact: Array, rounded: Array) -> None:
        exact, rounded = exact.astype(np.float64), rounded.astype(np.float64)
        self.signal += float(np.square(exact).sum())
        self.noise += float(np.square(exact - rounded).sum())

    def see_classes(self, exact: Array, rounded: Array) -> None:
        """Of scores with classes on axis 1."""
        if exact.ndim >= 2 and exact.shape[1] > 1:
            numbers = np.isfinite(exact).all(1) & np.isfinite(rounded).all(1)
            same = numbers & (exact.argmax(1) == rounded.argmax(1))
            self.agreeing += int(same.sum())
            self.classified += same.size

    @property
    def sqnr(self) -> float:
        """Signal to quantisation noise in dB: 10 log₁₀(Σ x² / Σ (x − x̂)²).

        −∞ where what was rounded is not finite, and NaN where the exact numbers are not.
        """
        if not isfinite(self.signal):
            return nan
        if not self.noise:
            return inf
        return 10 * log10(self.signal / self.noise) if self.signal and isfinite(self.noise) else -inf


@dataclass(frozen=True, slots=True)
class LayerError:
    """The SQNR in dB of a layer's output: ``own`` on exact inputs, and ``total`` with what was lost before it."""

    layer: str
    op: str
    own: float
    total: float


@dataclass(frozen=True, slots=True)
class OutputError:
    """The SQNR in dB of an output, and the share of samples (pixels) with the same class; None where there is one."""

    name: str
    sqnr: float
    top1: float | None


@dataclass(frozen=True)
class ErrorReport:
    """What rounding costs on these samples. ``layers`` come in the order of the network."""

    samples: int
    outputs: tuple[OutputError, ...]
    layers: tuple[LayerError, ...]

    def worst(self, count: int = 5) -> list[LayerError]:
        """The layers that lose most by themselves, the worst first."""
        return sorted(self.layers, key=lambda one: one.own)[:count]


@dataclass(frozen=True, slots=True)
class Watched:
    """A layer's result: its name in the exact program, where it is in the other, and how that is read (None: fp32)."""

    layer: str
    op: str
    exact: str
    rounded: str
    quantizer: Quantizer | None

    def read(self, x: Array) -> Array:
        return x if self.quantizer is None else self.quantizer.dequantize(x)


@dataclass
class Comparison:
    """``exact`` against ``rounded``; ``alone`` is a program in which each watched layer reads exact inputs.

    What such a layer gives in fp32 has ``BEHIND`` after its name there.

    Outputs are compared on all samples, layers on the first ``LAYER_SAMPLES``.
    """

    exact: Program
    rounded: Program
    alone: Program
    watched: Sequence[Watched]
    own: dict[str, Loss] = field(default_factory=dict[str, Loss])
    total: dict[str, Loss] = field(default_factory=dict[str, Loss])

    def report(self, samples: Iterable[Sample]) -> ErrorReport:
        """Go through the samples once for each portion of the layers that fits into memory."""
        outputs = {name: Loss() for name in self.exact.outputs}
        count = 0
        for sample, exact, rounded in _together(self.exact, self.rounded, list(outputs), samples):
            count += len(next(iter(sample.values())))
            for name, loss in outputs.items():
                loss.see(exact[name], rounded[name])
                loss.see_classes(exact[name], rounded[name])
        self._compare_layers(list(islice(samples, LAYER_SAMPLES)))
        return ErrorReport(
            count,
            tuple(OutputError(name, loss.sqnr, _share(loss)) for name, loss in outputs.items()),
            tuple(LayerError(w.layer, w.op, self.own[w.exact].sqnr, self.total[w.exact].sqnr) for w in self.watched),
        )

    def _compare_layers(self, samples: Iterable[Sample]) -> None:
        self.own = {w.exact: Loss() for w in self.watched}
        self.total = {w.exact: Loss() for w in self.watched}
        by_name = {w.exact: w for w in self.watched}
        for part in portions(self.exact, list(by_name)):
            chosen = [by_name[name] for name in part]
            names = [w.rounded for w in chosen]
            apart = [w.exact + BEHIND if w.quantizer is None else w.rounded for w in chosen]
            with ExitStack() as stack:
                exact, all, alone = (
                    stack.enter_context(session(program, tensors))
                    for program, tensors in ((self.exact, part), (self.rounded, names), (self.alone, apart))
                )
                for sample in samples:
                    values = run(exact, part, sample), run(all, names, sample), run(alone, apart, sample)
                    for w, (_, x), (_, after_all), (_, by_itself) in zip(chosen, *values, strict=True):
                        self.own[w.exact].see(x, w.read(by_itself))
                        self.total[w.exact].see(x, w.read(after_all))


def _share(loss: Loss) -> float | None:
    return loss.agreeing / loss.classified if loss.classified else None


def _together(
    exact: Program, rounded: Program, tensors: Sequence[str], samples: Iterable[Sample]
) -> Iterator[tuple[Sample, Mapping[str, Array], Mapping[str, Array]]]:
    with session(exact, []) as first, session(rounded, []) as second:
        for sample in samples:
            yield sample, dict(run(first, tensors, sample)), dict(run(second, tensors, sample))
