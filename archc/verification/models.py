"""A model in a file: against itself as it stands, and, where its network and weights are known, against the module.

What onnxruntime makes of it unoptimised, on the CPU and one sample at a time, is what it means. It must give the same
optimised, in batches of any size, and on CUDA with TF32 off and on. Where it holds its spec, and its weights are random
ones of a known seed or are given, that network's module must give the same too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from archc.backends.weights import Array
from archc.measurement.subject import of_model
from archc.runtime import devices
from archc.runtime.inputs import Inputs, Sample, takes_images
from archc.runtime.ort import TensorInfo
from archc.runtime.session import Settings, open_session
from archc.verification.candidates import Place
from archc.verification.cases import Case, Outputs
from archc.verification.measure import measured, of_tensor, statistics, worst
from archc.verification.onnx_file import OnnxFile
from archc.verification.result import Blamed, Row, Tolerance, Verification
from archc.verification.samples import Arrays, Samples, random_samples, read
from archc.verification.sizes import input_text
from archc.verification.tolerances import FP32, INT8, of_half, of_tf32

REFERENCE = "itself: onnxruntime on the CPU, unoptimised, one sample at a time"
ODD = (97, 113)  # of images, where the model takes any size
MODEL = "model, optimised"
_PLAIN = Settings(graph_optimization="disabled")

Progress = Callable[[str], object]


@dataclass(frozen=True)
class ModelPlan:
    """What is asked for. ``sizes`` are those of inputs that the model leaves free, without the batch, by input."""

    batches: tuple[int, ...] = (1, 2, 5)
    images: str | None = None
    devices: tuple[str, ...] = (devices.CPU,)
    seed: int = 0
    sizes: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])


def verify_model(
    path: Path, weights: Path | None = None, plan: ModelPlan | None = None, progress: Progress = lambda _: None
) -> Verification:
    """Compare a model with itself, and with its network's module where that is known.

    Raises ModelError where it can't be read or run as it stands, RequestError where images can't be used, WeightsError
    where the weights are not its network's, and DeviceError where a device can't be used.
    """
    plan = plan or ModelPlan()
    progress("unoptimised")
    model = ModelInFile(OnnxFile(path), plan)
    rows = [row for place in model.places for row in model.rows(place, progress)]
    progress("module")
    subject = of_model(path, weights)
    why = subject.unknown or model.unlike_the_network
    if subject.weighted is not None and why is None:
        from archc.verification.module_of import module_rows

        rows += module_rows(model, subject.weighted)
    unused = f", and {weights} is not used" if weights else ""
    notes = [*model.notes, *([f"the network's module: {why}{unused}"] if why else [])]
    return Verification(path.name, REFERENCE, model.weights, model.described, tuple(rows), tuple(dict.fromkeys(notes)))


class ModelInFile:
    """A model, what it is run on, and what it gives as it stands. Raises ModelError, RequestError."""

    def __init__(self, file: OnnxFile, plan: ModelPlan) -> None:
        self.file, self.plan = file, plan
        self.session = open_session(file.path, settings=_PLAIN)
        fixed = {info.shape[0] for info in self.session.inputs.values() if info.shape} - {None}
        batch = next((size for size in fixed if isinstance(size, int)), None)
        self.batches = plan.batches if batch is None else (batch,)
        self.notes = [f"batches other than {batch}: the model takes no others"] if batch is not None else []
        self.samples = list(self._samples(max(self.batches)))
        self.notes += [note for one in self.samples for note in one.refused]

    def _samples(self, count: int) -> Iterator[Samples]:
        inputs = Inputs(self.session, sizes=self._sizes())
        drawn = [item for item in inputs.random(count, self.plan.seed) if isinstance(item, Sample)]
        arrays = {name: np.stack([one.arrays[name] for one in drawn]) for name in self.session.inputs}
        smooth = [name for name, info in self.session.inputs.items() if "float" in info.dtype]
        maps = random_samples({name: arrays[name].shape[1:] for name in smooth}, count, self.plan.seed).arrays
        yield Samples("random", arrays | {name: x.astype(arrays[name].dtype) for name, x in maps.items()})
        if self.plan.images is not None:
            yield read(inputs, self.plan.images, count)

    def _sizes(self) -> dict[str, tuple[int, ...]]:
        """Of inputs whose sizes are free: those that are given, and for images of any size odd ones."""
        images = {name: i for name, i in self.session.inputs.items() if takes_images(i, self.session.metadata)}
        return {name: _odd(info) for name, info in images.items()} | dict(self.plan.sizes)

    @property
    def described(self) -> str:
        """What it is compared on, in words."""
        given = [f"{one.count} images of {self.plan.images}" for one in self.samples if one.kind == "images"]
        return ", ".join([f"random numbers from seed {self.plan.seed}", *given])

    @property
    def weights(self) -> str:
        """As the model says it."""
        return self.session.metadata.get("weights", "the model's own")

    @property
    def unlike_the_network(self) -> str | None:
        """Why the network's module could not be run on the same."""
        embedded = self.session.metadata.get("embedded")
        return f"the model holds more than the network: {embedded}" if embedded else None

    @property
    def places(self) -> list[Place]:
        """Where it is run, optimised."""
        found = [Place("cpu")] if devices.CPU in self.plan.devices else []
        if devices.CUDA in self.plan.devices:
            found.append(Place("cuda", devices.CUDA))
            found += [Place("cuda, TF32", devices.CUDA, tf32=True)] * (self.file.precision == "fp32")
        return found

    def tolerance(self, *, tf32: bool = False) -> Tolerance:
        """By the model's precision."""
        precision = self.file.precision
        if precision in ("fp16", "bf16"):
            return Tolerance(precision, "error", of_half(self.file.steps, precision))
        if precision == "int8":
            return INT8
        return Tolerance("TF32", "error", of_tf32(self.file.steps)) if tf32 else FP32

    @cached_property
    def cases(self) -> list[Case]:
        """Every batch size on all kinds of samples, with what the model gives for the samples one by one."""
        return [
            Case(one.kind, batch, (given := one.first(batch)), self._expected(given))
            for one in self.samples
            for batch in self.batches
            if batch <= one.count
        ]

    def _expected(self, inputs: Arrays) -> Outputs:
        """One by one, and joined, where outputs have the batch in front and it is free."""
        if not self.file.free_batch:
            return self.compared(self.session.run(inputs))
        runs = [self.session.run(one) for one in _one_by_one(inputs)]
        return self.compared({name: np.concatenate([run[name] for run in runs]) for name in self.session.outputs})

    def compared(self, outputs: Outputs) -> Outputs:
        """Without the classes among outputs, which change places where scores are near, unless they are exact."""
        exact = self.file.precision == "fp32"
        return {name: array for name, array in outputs.items() if exact or array.dtype.kind == "f"}

    def row(self, what: str, place: str, case: Case, found: Outputs, tolerance: Tolerance) -> Row:
        shown = input_text({name: x.shape[1:] for name, x in case.inputs.items()})
        return Row(what, place, shown, case.samples, case.batch, tolerance, measured(found, case.expected))

    def rows(self, place: Place, progress: Progress) -> Iterator[Row]:
        """The model as onnxruntime optimises it there."""
        progress(f"optimised, {place.name}")
        tolerance = self.tolerance(tf32=place.tf32)
        session = open_session(self.file.path, device=place.device, settings=place.settings)
        rows = [
            self.row(MODEL, place.name, case, self.compared(session.run(case.inputs)), tolerance) for case in self.cases
        ]
        wrong = next((i for i, row in enumerate(rows) if not row.agrees), None)
        if wrong is not None:
            progress(f"searching, {place.name}")
            blamed = first_node(self.file, place, self.cases[wrong].inputs, tolerance)
            rows[wrong] = replace(rows[wrong], blamed=blamed, searched=True)
        yield from rows


def _one_by_one(inputs: Arrays) -> list[dict[str, Array]]:
    """The samples of a batch, each as a batch of one."""
    count = len(next(iter(inputs.values())))
    return [{name: x[i : i + 1] for name, x in inputs.items()} for i in range(count)]


def _joined(parts: Sequence[Array], shape: tuple[int, ...]) -> Array:
    """What samples gave one by one, as a batch gives it: along the first axis, or what is one for all of them."""
    return parts[0] if parts[0].shape == shape else np.concatenate(parts) if shape else parts[0]


def _odd(info: TensorInfo) -> tuple[int, ...]:
    """Of images, height × width × channels: sides that the model leaves free are odd."""
    sizes = info.shape[1:]
    return tuple(size if isinstance(size, int) else odd for size, odd in zip(sizes, (*ODD, 3), strict=True))


def first_node(file: OnnxFile, place: Place, inputs: Arrays, tolerance: Tolerance) -> Blamed | None:
    """The first node that gives something else optimised, there, than unoptimised on the CPU; None where none does."""
    made = file.made
    with TemporaryDirectory(prefix="archc-") as folder:
        path = file.showing([one.tensor for one in made], Path(folder))
        plain = open_session(path, settings=_PLAIN)
        alone = [plain.run(one) for one in _one_by_one(inputs)] if file.free_batch else [plain.run(inputs)]
        found = open_session(path, device=place.device, settings=place.settings).run(inputs)
    errors: dict[str, float] = {}
    for one in made:
        x = found[one.tensor]
        y = _joined([run[one.tensor] for run in alone], x.shape)
        if y.dtype.kind != "f":
            continue
        error = of_tensor(x, y)
        if not tolerance.holds(error):
            before = max((errors[name] for name in one.node.input if name in errors), default=None)
            name = one.node.name or one.tensor
            return Blamed(name, one.node.op_type, None, error, statistics(y), statistics(x), worst(x, y), before)
        errors[one.tensor] = error.error
    return None
