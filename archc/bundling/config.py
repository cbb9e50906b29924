"""``config.pbtxt``: what Triton is told of a model.

Fields are those of ``ModelConfig``:
https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from archc.bundling.model import ModelFile, TensorForm
from archc.bundling.options import Options
from archc.bundling.pbtxt import Message, Value, Word, message, text
from archc.runtime.errors import ModelError

# ONNX's type → Triton's. Triton has TYPE_BF16 too, but its ONNX Runtime backend does not load a model with such inputs.
TYPES = {
    "BOOL": "TYPE_BOOL", "UINT8": "TYPE_UINT8", "UINT16": "TYPE_UINT16", "UINT32": "TYPE_UINT32",
    "UINT64": "TYPE_UINT64", "INT8": "TYPE_INT8", "INT16": "TYPE_INT16", "INT32": "TYPE_INT32", "INT64": "TYPE_INT64",
    "FLOAT16": "TYPE_FP16", "FLOAT": "TYPE_FP32", "DOUBLE": "TYPE_FP64", "STRING": "TYPE_STRING",
}  # fmt: skip

# Device → kind of instance; None leaves it to Triton, which takes the GPU where there is one.
KINDS = {"gpu": "KIND_GPU", "cpu": "KIND_CPU", None: "KIND_AUTO"}


@dataclass(frozen=True)
class Serving:
    """How a model is to be served. ``max_batch`` holds where the model leaves the batch free; 0 gives Triton none.

    ``preferred`` are batch sizes that Triton's batcher waits for, ``delay`` how long it does, in microseconds.
    """

    name: str
    device: str | None = None
    instances: int = 1
    max_batch: int = 32
    preferred: tuple[int, ...] = ()
    delay: int = 0
    options: Options = field(default_factory=Options)
    labels: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())  # output → file


def config(model: ModelFile, serving: Serving) -> str:
    """The text of config.pbtxt. Raises ModelError where Triton could not serve the model."""
    batch = max_batch(model, serving.max_batch)
    return text(message(*_fields(model, serving, batch)))


def max_batch(model: ModelFile, wanted: int) -> int:
    """``wanted`` where all inputs and outputs begin with a free size, and those of the inputs are one; 0 elsewhere."""
    tensors = (*model.inputs, *model.outputs)
    free = bool(model.inputs) and all(t.shape and not isinstance(t.shape[0], int) for t in tensors)
    return wanted if free and len({t.shape[0] for t in model.inputs}) == 1 else 0


def dims(form: TensorForm, *, batched: bool) -> tuple[int, ...]:
    """Sizes without the batch, -1 where free. () where there are none."""
    return tuple(size if isinstance(size, int) else -1 for size in form.shape[int(batched) :])


def _fields(model: ModelFile, serving: Serving, batch: int) -> Iterator[tuple[str, Value]]:
    yield "name", serving.name
    yield "backend", "onnxruntime"
    yield "default_model_filename", "model.onnx"
    yield "max_batch_size", batch
    for form in model.inputs:
        yield "input", message(*_tensor(model, form, batch > 0))
    for form in model.outputs:
        label = serving.labels.get(form.name)
        yield "output", message(*_tensor(model, form, batch > 0), *([("label_filename", label)] if label else []))
    yield "instance_group", message(("kind", Word(KINDS[serving.device])), ("count", serving.instances))
    if batch > 1:
        yield "dynamic_batching", _batching(serving)
    yield from _optimization(serving.options)
    for key, value in serving.options.parameters.items():
        yield "parameters", message(("key", key), ("value", message(("string_value", value))))


def _tensor(model: ModelFile, form: TensorForm, batched: bool) -> Iterator[tuple[str, Value]]:
    if form.dtype not in TYPES:
        hint = "`archc build --io fp32` gives it others" if form.dtype == "BFLOAT16" else None
        raise ModelError(
            f"{model.path}: `{form.name}` is {form.dtype}, which Triton does not hand to ONNX Runtime", hint
        )
    sizes = dims(form, batched=batched)
    if 0 in sizes:
        raise ModelError(f"{model.path}: `{form.name}` holds nothing: one of its sizes is 0")
    yield "name", form.name
    yield "data_type", Word(TYPES[form.dtype])
    yield "dims", sizes or (1,)  # Triton has no tensors without sizes
    if batched and not sizes:
        yield "reshape", message(("shape", ()))


def _batching(serving: Serving) -> Message:
    fields: list[tuple[str, Value]] = []
    if serving.preferred:
        fields.append(("preferred_batch_size", serving.preferred))
    if serving.delay:
        fields.append(("max_queue_delay_microseconds", serving.delay))
    return message(*fields)


def _optimization(options: Options) -> Iterator[tuple[str, Value]]:
    fields: list[tuple[str, Value]] = []
    if options.graph_level is not None:
        fields.append(("graph", message(("level", options.graph_level))))
    if options.cuda:
        fields.append(("execution_accelerators", message(("gpu_execution_accelerator", _accelerator(options.cuda)))))
    if fields:
        yield "optimization", message(*fields)


def _accelerator(parameters: Mapping[str, str]) -> Message:
    pairs: Sequence[tuple[str, Value]] = [
        ("parameters", message(("key", key), ("value", value))) for key, value in parameters.items()
    ]
    return message(("name", "cuda"), *pairs)
