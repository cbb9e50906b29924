"""``archc bench``: latency and throughput by batch size, beside rivals and beside the machine's limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from archc.measurement import rivals
from archc.measurement.agreement import TOLERANCE, agreement
from archc.measurement.binding import Bound
from archc.measurement.inputs import Array, Shape, input_shapes, random_inputs
from archc.measurement.interleave import Comparison, Timing, compare
from archc.measurement.memory import memory_of_run
from archc.measurement.peaks import Peaks, measure_peaks
from archc.measurement.rivals import Candidate, Case, RivalError
from archc.measurement.roofline import Roofline, roofline
from archc.measurement.statistics import Interval
from archc.measurement.subject import Subject
from archc.measurement.workload import Workload, workload
from archc.runtime.cores import cores
from archc.runtime.devices import CPU, CUDA, DeviceError
from archc.runtime.environment import device_name
from archc.runtime.errors import ModelError
from archc.runtime.ort import VERSION
from archc.runtime.session import Settings, open_session
from archc.runtime.sizes import Sizes

OURS, GRAPH = "archc", "archc, CUDA graph"

Progress = Callable[[str], object]


@dataclass(frozen=True)
class Plan:
    """What is asked for. ``threads`` None are those of ``settings``, or else the physical cores."""

    device: str = CPU
    batches: tuple[int, ...] = (1,)
    sizes: Sizes = field(default_factory=dict[str | None, Sequence[int]])
    threads: int | None = None
    against: tuple[str, ...] = ()
    rounds: int = 30
    seconds: float = 0.0
    settings: Settings = field(default_factory=Settings)

    def session_settings(self) -> Settings:
        """With the number of threads written out."""
        return replace(self.settings, intra_op_threads=self.threads or self.settings.intra_op_threads or cores())


@dataclass(frozen=True)
class Row:
    """One candidate at one batch size; ``kind`` is what it was the fastest of, one way to run the model.

    ``ratio`` is its time over that of archc, ``share`` the least time that is possible over its own, ``memory`` bytes;
    None where it was not measured. ``error`` stands alone: why there are no figures.
    """

    batch: int
    name: str
    kind: str
    timing: Timing | None = None
    precision: str | None = None
    memory: int | None = None
    share: float | None = None
    ratio: Interval | None = None
    error: str | None = None

    @property
    def throughput(self) -> float | None:
        """Images a second, at the median."""
        return self.batch / self.timing.median if self.timing else None


@dataclass(frozen=True)
class Limit:
    """What a batch needs, and the least time for it."""

    batch: int
    work: Workload
    time: Roofline


@dataclass(frozen=True)
class Bench:
    """What was measured, and where."""

    name: str
    device: str
    device_name: str
    threads: int
    onnxruntime: str
    shapes: Mapping[str, Shape]
    rounds: int
    peaks: Peaks
    limits: tuple[Limit, ...]
    rows: tuple[Row, ...]

    @property
    def failed(self) -> bool:
        """Whether a rival could not be compared. That a model can't be captured as a CUDA graph is no failure."""
        return any(row.error and row.kind != GRAPH for row in self.rows)


def bench(subject: Subject, plan: Plan, progress: Progress = lambda _: None) -> Bench:
    """Measure as planned. ``progress`` is told what is being done.

    Raises DeviceError where the device is not there, RequestError where a rival's library is missing, and ModelError
    where the model does not take what is asked for.
    """
    rivals.require(plan.against, subject)
    session = open_session(subject.model, device=plan.device, settings=plan.session_settings())
    shapes = {batch: input_shapes(session.inputs, batch, plan.sizes) for batch in plan.batches}
    works = {batch: workload(subject.model, shape) for batch, shape in shapes.items()}
    precisions = list(dict.fromkeys(p for work in works.values() for p in work.precisions))
    peaks_now = partial(measure_peaks, plan.device, precisions, plan.session_settings())
    progress("the machine's peak")
    before = peaks_now()
    rows = [
        row for batch in works for row in _Batch(subject, plan, works[batch], batch, shapes[batch], progress).rows()
    ]
    progress("the machine's peak, again")
    peaks = before.best(peaks_now())  # other work slows a machine, and nothing makes it faster
    limits = {batch: Limit(batch, work, roofline(work, peaks)) for batch, work in works.items()}
    return Bench(
        subject.name, plan.device, device_name(plan.device, plan.settings.cuda.device_id),
        plan.session_settings().intra_op_threads or 1, VERSION, shapes[plan.batches[0]], plan.rounds, peaks,
        tuple(limits.values()), tuple(_shared(row, limits[row.batch]) for row in rows),
    )  # fmt: skip


def _shared(row: Row, limit: Limit) -> Row:
    """With its share of the limit, which is that of the model's precision and of no other."""
    if row.timing is None or row.precision != limit.work.precision:
        return row
    return replace(row, share=limit.time.kernels / row.timing.median)


class _Batch:
    """All candidates at one batch size."""

    def __init__(
        self, subject: Subject, plan: Plan, work: Workload, batch: int, shapes: Mapping[str, Shape], progress: Progress
    ) -> None:
        self.subject, self.plan, self.batch, self.shapes, self.progress = subject, plan, batch, shapes, progress
        self.precision = work.precision
        self.errors: list[Row] = []
        self.inputs: Mapping[str, Array] = {}
        self.outputs: tuple[str, ...] = ()

    def rows(self) -> list[Row]:
        with TemporaryDirectory(prefix="archc-") as folder:
            candidates = self._agreeing([*self._ours(), *self._theirs(Path(folder))])
            self.progress(f"batch {self.batch}: {', '.join(c.name for c in candidates)}")
            runners = {c.name: c.run for c in candidates}
            found = compare(runners, rounds=self.plan.rounds, seconds=self.plan.seconds)
            return [self._row(c, found) for c in _fastest(candidates, found)] + self.errors

    def _ours(self) -> list[Candidate]:
        """The model as it is, and on CUDA with a graph too, if it can be captured: the batch is fixed here."""
        settings = self.plan.session_settings()
        found = [self._session(OURS, settings)]
        if self.plan.device == CUDA and not settings.cuda.enable_cuda_graph:
            graph = replace(settings, cuda=replace(settings.cuda, enable_cuda_graph=True))
            try:
                found.append(self._session(GRAPH, graph))
                found[-1].run()  # it is captured now
            except (ModelError, DeviceError) as e:
                del found[1:]
                self.errors.append(Row(self.batch, GRAPH, GRAPH, error=str(e)))
        return found

    def _session(self, name: str, settings: Settings) -> Candidate:
        session = open_session(self.subject.model, device=self.plan.device, settings=settings)
        self.inputs = self.inputs or random_inputs(session.inputs, self.shapes)
        self.outputs = tuple(session.outputs)
        run = Bound(session, self.inputs)
        return Candidate(name, name, self.precision, run, run.outputs, self.subject.model)

    def _theirs(self, folder: Path) -> list[Candidate]:
        case = Case(
            self.subject, self.inputs, self.outputs, self.plan.device,
            self.plan.session_settings().intra_op_threads or 1, self.precision, folder,
        )  # fmt: skip
        found: list[Candidate] = []
        for name in self.plan.against:
            self.progress(f"batch {self.batch}: preparing {name}")
            try:
                found += rivals.candidates(name, case)
            except RivalError as e:
                self.errors.append(Row(self.batch, name, name, error=str(e)))
        return found

    def _agreeing(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Those whose outputs are ours; the others become lines that say so, and are not timed."""
        for candidate in candidates:
            candidate.run()
        wanted, found = candidates[0].outputs(), [candidates[0]]
        for candidate in candidates[1:]:
            seen = agreement(candidate.outputs(), wanted, TOLERANCE[self.precision])
            if seen.holds:
                found.append(candidate)
            else:
                error = f"computes something else: {seen}"
                self.errors.append(Row(self.batch, candidate.name, candidate.kind, error=error))
        return found

    def _row(self, candidate: Candidate, found: Comparison) -> Row:
        timing, memory = found[candidate.name], None
        if candidate.model is not None:
            settings = self.plan.session_settings() if candidate.model == self.subject.model else Settings()
            memory = memory_of_run(candidate.model, self.shapes, self.plan.device, settings)
        ratio = None if candidate.name == OURS else found.ratio(candidate.name, OURS)
        other = "" if candidate.precision == self.precision else f", {candidate.precision}"
        name, kind = candidate.name + other, candidate.kind
        return Row(self.batch, name, kind, timing, candidate.precision, memory, ratio=ratio)


def _fastest(candidates: Sequence[Candidate], found: Comparison) -> list[Candidate]:
    """Of each kind the one with the least median, in the order of the kinds."""
    kinds: dict[str, Candidate] = {}
    for candidate in candidates:
        best = kinds.setdefault(candidate.kind, candidate)
        if found[candidate.name].median < found[best.name].median:
            kinds[candidate.kind] = candidate
    return list(kinds.values())
