"""A network at one size of its inputs: what it is run on, what is expected there, and what others make of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from archc.backends.onnx.passes import PassError
from archc.backends.onnx.profiles import profile
from archc.backends.weights import Array
from archc.diagnostics.diagnostic import RequestError
from archc.graph.graph import Graph
from archc.network import Weighted
from archc.runtime.devices import DeviceError
from archc.runtime.errors import ModelError
from archc.runtime.predict import save
from archc.verification.candidates import Candidate, candidates
from archc.verification.cases import Case, Outputs
from archc.verification.first import search, search_module
from archc.verification.layers import by_output, computed, tensors
from archc.verification.measure import measured
from archc.verification.result import Row, Tolerance, telling
from archc.verification.rounding import ROUNDED, Sensitivity, held
from archc.verification.samples import Samples
from archc.verification.sizes import input_text, shapes_of
from archc.verification.tolerances import FP32, INT8, SAME_CLASS

POOL = 16  # samples that weights are fitted to, that int8 is calibrated on, and that its classes are counted on
LAYERS, SOURCE = "layers, one by one", "source, by itself"

Progress = Callable[[str], object]


@dataclass
class Size:
    """``samples`` are what it is compared on, in batches of these sizes; ``fitted`` what int8 is calibrated on.

    Where the weights are ``trained``, which are the caller's, classes are held to agree on images.
    """

    weighted: Weighted
    batches: Sequence[int]
    samples: Sequence[Samples]
    fitted: Samples
    trained: bool = False
    notes: list[str] = field(default_factory=list[str])

    @property
    def graph(self) -> Graph:
        return self.weighted.network.graph

    @property
    def shown(self) -> str:
        """The inputs' sizes."""
        return input_text(shapes_of(self.graph))

    def torch_rows(self, source: Sequence[Outputs] | str) -> list[Row]:
        """The layers one by one, and the source: what it gave for each of ``cases``, or why it did not run."""
        if isinstance(source, str):
            return [*self._layers(), self._failed(SOURCE, "cpu", FP32, source)]
        pairs = zip(self.cases, source, strict=True)
        return [*self._layers(), *(self._row(SOURCE, case, found) for case, found in pairs)]

    def onnx_rows(self, profiles: Sequence[str], devices: tuple[str, ...], progress: Progress) -> Iterator[Row]:
        """The profiles, wherever they run. ``progress`` is told what is being done."""
        with TemporaryDirectory(prefix="archc-") as folder:
            calibrate = Path(folder) / "samples.npz"
            save(calibrate, self.fitted.arrays)
            for name in profiles:
                progress(f"{self.shown}: {name}")
                yield from self._profile(name, devices, calibrate)

    @cached_property
    def cases(self) -> list[Case]:
        """Every batch size on all kinds of samples."""
        few = [(one, batch) for one in self.samples for batch in self.batches if batch > one.count]
        self.notes += [f"no batch of {batch} {one.kind}: there are {one.count}" for one, batch in few]
        return self._cases([(one, b) for one in self.samples for b in self.batches if b <= one.count])

    @cached_property
    def _large(self) -> list[Case]:
        """All samples at once, so that there are enough to count classes on."""
        whole = [(one, min(POOL, one.count)) for one in self.samples]
        return self._cases([(one, count) for one, count in whole if count not in self.batches])

    def _cases(self, batches: Sequence[tuple[Samples, int]]) -> list[Case]:
        module = self.weighted.module().eval()
        with torch.inference_mode():
            return [self._case(module, one, batch) for one, batch in batches]

    def _case(self, module: Any, samples: Samples, batch: int) -> Case:
        inputs = samples.first(batch)
        given = module(*tensors(inputs).values())
        return Case(samples.kind, batch, inputs, by_name(given, self.graph))

    def _row(self, what: str, case: Case, found: Outputs, device: str = "cpu", tolerance: Tolerance = FP32) -> Row:
        return Row(what, device, self.shown, case.samples, case.batch, tolerance, measured(found, case.expected))

    def _layers(self) -> list[Row]:
        rows = [self._row(LAYERS, case, self._by_layers(case)) for case in self.cases]
        wrong = next((i for i, row in enumerate(rows) if not row.agrees), None)
        if wrong is not None:
            module = self.weighted.module().eval()
            blamed = search_module(module, self.graph, self.weighted.loaded, self.cases[wrong].inputs)
            rows[wrong] = replace(rows[wrong], blamed=blamed)
        return rows

    def _by_layers(self, case: Case) -> Outputs:
        found = {value: case.inputs[name] for name, value in self.graph.inputs.items()}
        wanted = set(self.graph.outputs.values())
        with torch.inference_mode():
            for node, given in computed(self.graph, self.weighted.loaded, tensors(case.inputs)):
                found |= {v: y.numpy() for v, y in zip(node.outputs, given, strict=True) if v in wanted}
        return {name: found[value] for name, value in self.graph.outputs.items()}

    def _profile(self, name: str, devices: tuple[str, ...], calibrate: Path) -> Iterator[Row]:
        try:
            for candidate in candidates(self.weighted, profile(name), devices, calibrate):
                yield from self._candidate(candidate)
        except RequestError as e:
            self.notes.append(f"no {name}: {e.message}")
        except PassError as e:
            yield self._failed(f"onnx {name}", "cpu", FP32, str(e))

    def _candidate(self, candidate: Candidate) -> Iterator[Row]:
        place, tolerance = candidate.place.name, candidate.tolerance
        cases = [*self.cases, *(self._large if tolerance.measure == "sqnr" else ())]
        try:
            with candidate.session() as session:
                found = [session.run(case.inputs) for case in cases]
        except (ModelError, DeviceError) as e:  # that of a node which the device has no kernel for, too
            if candidate.place.meant:
                yield self._failed(candidate.what, place, tolerance, str(e))
            else:
                self.notes.append(f"{candidate.what} on {place}, for which it was not written: {e}")
            return
        pairs = zip(cases, found, strict=True)
        rows = [self._row(candidate.what, case, y, place, self._allowed(tolerance, case)) for case, y in pairs]
        rows = self._as_rounding_allows(candidate, cases, rows)
        wrong = next((i for i, row in enumerate(rows) if not row.agrees), None)
        if wrong is not None:
            blamed = search(candidate, self.graph, self.weighted.loaded, cases[wrong].inputs)
            rows[wrong] = replace(rows[wrong], blamed=blamed, searched=True)
        yield from telling(rows, self.notes)

    def _as_rounding_allows(self, candidate: Candidate, cases: Sequence[Case], rows: Sequence[Row]) -> list[Row]:
        """What is beyond its precision's own limit is held against what roundings cost this network."""
        if all(row.agrees for row in rows) or candidate.tolerance.precision not in ROUNDED:
            return list(rows)
        costs = Sensitivity.of(self.weighted, candidate.built.program, candidate.passes, self.fitted.arrays)
        return held(rows, cases, lambda tolerance, case: costs.allowed(tolerance, case.inputs))

    def _allowed(self, tolerance: Tolerance, case: Case) -> Tolerance:
        """With the classes, where there are enough images to count them on."""
        enough = case.batch >= POOL and case.samples == "images"
        return replace(tolerance, top1=SAME_CLASS) if enough and self.trained and tolerance == INT8 else tolerance

    def _failed(self, what: str, device: str, tolerance: Tolerance, problem: str) -> Row:
        case = self.cases[0]
        return Row(what, device, self.shown, case.samples, case.batch, tolerance, problem=problem)


def by_name(given: object, graph: Graph) -> dict[str, Array]:
    """What the module gives in eval mode, as arrays."""
    return {name: y.numpy() for name, y in by_output(given, graph.outputs).items()}
