"""How fast a network is on the device: archc's file, tuned, in turn with the stock export and with torch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch as typed_torch

from archc.measurement.agreement import TOLERANCE, agreement
from archc.measurement.binding import Bound
from archc.measurement.inputs import Array
from archc.measurement.interleave import Comparison, Runner, compare
from archc.measurement.peaks import Peaks, measure_peaks
from archc.measurement.rivals import Case
from archc.measurement.rivals.torch_module import candidate, prepared
from archc.measurement.roofline import roofline
from archc.measurement.subject import Subject, of_network
from archc.measurement.tuning.tune import Request, profile_of, settings_text, tune
from archc.measurement.workload import Workload, workload
from archc.runtime.cores import cores
from archc.runtime.devices import CPU, PROVIDERS
from archc.runtime.ort import ort
from archc.runtime.profile import settings_for, write_profile
from archc.runtime.session import Session, Settings, open_session
from tests.gpu import subjects
from tests.gpu.scope import Job, Scope

torch: Any = typed_torch  # some of its functions have types that are half unknown

OURS, STOCK, EAGER, COMPILED = "archc", "stock export", "torch eager", "torch.compile"
RIVALS = (STOCK, EAGER, COMPILED)


@dataclass(frozen=True)
class Ran:
    """One way to run the network."""

    run: Runner
    outputs: Callable[[], Mapping[str, Array]]


@dataclass
class _Row:
    """What is gathered for one network at one batch. A kind of rival may have several ways; the fastest counts."""

    case: Case
    ours: Ran
    rivals: dict[str, dict[str, Ran]] = field(default_factory=dict[str, dict[str, Ran]])
    problems: dict[str, str] = field(default_factory=dict[str, str])


def measured(job: Job, scope: Scope) -> dict[str, Any]:
    """Seconds of all, and of each rival its time over archc's, as JSON data."""
    torch.backends.cudnn.benchmark = True  # torch at its best: it times the algorithms of each convolution
    with TemporaryDirectory(prefix="archc-") as folder:
        network = subjects.weighted(job.network, scope.size)
        subject = of_network(network.network, network, Path(folder), profile=scope.profile)
        settings = _tuned(subject.model, job, scope)
        row = _row(subject, settings, job, scope, Path(folder))
        work = workload(subject.model, row.case.shapes)
        before = measure_peaks(scope.device, work.precisions, settings)
        found = compare({OURS: row.ours.run, **_runners(row)}, rounds=scope.rounds)
        peaks = before.best(measure_peaks(scope.device, work.precisions, settings))
        return {
            "network": job.network, "batch": job.batch, "profile": scope.profile, "settings": settings_text(settings),
            "seconds": found[OURS].median, **_limit(work, peaks, found[OURS].median),
            "rivals": _fastest(row, found), "problems": row.problems,
        }  # fmt: skip


def _tuned(model: Path, job: Job, scope: Scope) -> Settings:
    """What ``archc tune`` writes beside the model, read as ``archc run`` reads it."""
    request = Request(model, scope.device, job.batch or 1, rounds=scope.rounds)
    write_profile(model, profile_of(request, tune(request)))
    settings, note = settings_for(model, scope.device)
    if settings is None:
        raise RuntimeError(f"the profile that was written is not taken: {note}")
    return settings


def _row(subject: Subject, settings: Settings, job: Job, scope: Scope, folder: Path) -> _Row:
    session = open_session(subject.model, device=scope.device, settings=settings)
    inputs = subjects.batch(subject.known().network.graph, job.batch or 1)
    shapes = {name: array.shape for name, array in inputs.items()}
    precision = workload(subject.model, shapes).precision
    case = Case(subject, inputs, tuple(session.outputs), scope.device, cores(), precision, folder)
    bound = Bound(session, inputs)
    row = _Row(case, Ran(bound, bound.outputs))
    row.ours.run()
    for kind, made in {STOCK: _stock, EAGER: _eager, COMPILED: _compiled}.items():
        row.rivals[kind] = {}
        try:
            for name, ran in made(case):
                ran.run()
                _check(ran, row.ours, precision)
                row.rivals[kind][name] = ran
        except Exception as e:  # whatever breaks a rival, the others are still to be measured; the table then fails
            row.problems[kind] = f"{type(e).__name__}: {next(iter(str(e).strip().splitlines()), '')}"
    return row


def _check(ran: Ran, ours: Ran, precision: str) -> None:
    seen = agreement(ran.outputs(), ours.outputs(), TOLERANCE[precision])
    if not seen.holds:
        raise ValueError(f"computes something else: {seen}")


def _stock(case: Case) -> Iterator[tuple[str, Ran]]:
    """torch.onnx.export as it is, in a session as it is: nothing chosen but the provider, and inputs on the device."""
    path = case.folder / "stock.onnx"
    module = case.subject.known().module().eval()
    given = tuple(torch.from_numpy(array) for array in case.inputs.values())
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, given, str(path), dynamo=True, verbose=False, output_names=list(case.outputs))
    providers = list(dict.fromkeys((PROVIDERS[case.device], PROVIDERS[CPU])))
    session = Session(ort.InferenceSession(str(path), providers=providers, enable_fallback=0), case.device, Settings())
    bound = Bound(session, dict(zip(session.inputs, case.inputs.values(), strict=True)))
    yield "torch.onnx.export", Ran(bound, bound.outputs)


def _eager(case: Case) -> Iterator[tuple[str, Ran]]:
    module, inputs = prepared(case, channels_last=True)
    made = candidate(case, "channels_last", EAGER, module, inputs)
    yield made.name, Ran(made.run, made.outputs)


def _compiled(case: Case) -> Iterator[tuple[str, Ran]]:
    """As it is, and, on a GPU, with CUDA graphs."""
    for mode in ("default", "reduce-overhead") if case.device != CPU else ("default",):
        module, inputs = prepared(case, channels_last=True)
        made = candidate(case, mode, COMPILED, torch.compile(module, dynamic=False, mode=mode), inputs)
        with _quiet():
            made.run()  # it compiles now
        yield made.name, Ran(made.run, made.outputs)


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _runners(row: _Row) -> dict[str, Runner]:
    return {f"{kind}, {name}": ran.run for kind, ways in row.rivals.items() for name, ran in ways.items()}


def _fastest(row: _Row, found: Comparison) -> dict[str, dict[str, Any]]:
    """Of each kind of rival the fastest way: its name, its time, and this over archc's with its bounds."""
    rivals: dict[str, dict[str, Any]] = {}
    for kind, ways in row.rivals.items():
        if ways:
            name = min(ways, key=lambda way: found[f"{kind}, {way}"].median)
            ratio = found.ratio(f"{kind}, {name}", OURS)
            rivals[kind] = {
                "name": name, "seconds": found[f"{kind}, {name}"].median,
                "ratio": ratio.median, "low": ratio.low, "high": ratio.high,
            }  # fmt: skip
    return rivals


def _limit(work: Workload, peaks: Peaks, seconds: float) -> dict[str, Any]:
    """The roofline, by peaks that are measured here and now, and the share of it that is reached."""
    least = roofline(work, peaks)
    return {
        "limit": least.kernels, "share": least.kernels / seconds, "memory_bound": least.memory_bound,
        "flops": dict(peaks.flops), "bandwidth": peaks.bandwidth,
    }  # fmt: skip
