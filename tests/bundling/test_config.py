"""config.pbtxt: what Triton is told of a model."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, get_args, get_type_hints

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from archc.bundling import config, pbtxt
from archc.bundling.bundle import Request, bundle
from archc.bundling.options import of_settings
from archc.runtime.errors import ModelError
from archc.runtime.settings import CudaSettings, Settings
from tests.bundling import models, schema
from tests.conftest import Golden

GOLDENS = Path(__file__).parent / "goldens"


def bundled(path: Path, tmp_path: Path, **how: Any) -> Any:
    (one,) = bundle([path], tmp_path / "repository", Request(**how))
    return schema.read(one.folder / "config.pbtxt")


def test_a_classifier(tmp_path: Path, golden: Golden) -> None:
    path = models.classifier(tmp_path / "net.onnx")
    settings = Settings(intra_op_threads=2, cuda=CudaSettings(prefer_nhwc=True, cudnn_conv_algo_search="HEURISTIC"))
    request = Request(device="gpu", preferred=(8, 32), delay=500, settings=settings)
    (one,) = bundle([path], tmp_path / "repository", request)
    golden(GOLDENS / "config.pbtxt", (one.folder / "config.pbtxt").read_text())
    found = schema.read(one.folder / "config.pbtxt")
    assert (found.name, found.backend, found.max_batch_size) == ("net", "onnxruntime", 32)
    assert list(found.input[0].dims) == [3, -1, -1]
    assert found.output[0].label_filename == "labels.txt"
    assert (one.folder / "labels.txt").read_text().split() == list(models.LABELS)


@pytest.mark.parametrize(("dtype", "expected"), config.TYPES.items())
def test_types(tmp_path: Path, dtype: str, expected: str) -> None:
    path = models.identities(tmp_path / "net.onnx", ("x", TensorProto.DataType.Value(dtype), ["N", 4]))
    found = bundled(path, tmp_path)
    assert [schema.ModelConfig.DESCRIPTOR.file.enum_types_by_name["DataType"].values_by_name[expected].number] * 2 == [
        found.input[0].data_type,
        found.output[0].data_type,
    ]


@pytest.mark.parametrize("dtype", [TensorProto.BFLOAT16, TensorProto.COMPLEX64, TensorProto.FLOAT8E4M3FN])
def test_types_that_triton_does_not_load(tmp_path: Path, dtype: int) -> None:
    path = models.identities(tmp_path / "net.onnx", ("x", dtype, ["N", 4]))
    with pytest.raises(ModelError, match=f"`x` is {TensorProto.DataType.Name(dtype)}"):
        bundled(path, tmp_path)
    assert not (tmp_path / "repository").exists()


@pytest.mark.parametrize(
    ("shapes", "batch", "dims"),
    [
        ([["N", 3, 8, 8]], 32, [[3, 8, 8]]),
        ([["N", "H", "W", 3]], 32, [[-1, -1, 3]]),
        ([[None, 3, None]], 32, [[3, -1]]),
        ([[1, 3, 8, 8]], 0, [[1, 3, 8, 8]]),
        ([["N"]], 32, [[1]]),
        ([[]], 0, [[1]]),
        ([["N", 3], ["N", 5]], 32, [[3], [5]]),
        ([["N", 3], [1, 5]], 0, [[-1, 3], [1, 5]]),
        ([["N", 3], ["M", 5]], 0, [[-1, 3], [-1, 5]]),
    ],
)
def test_the_batch(tmp_path: Path, shapes: list[models.Shape], batch: int, dims: list[list[int]]) -> None:
    tensors = [(f"x{i}", TensorProto.FLOAT, shape) for i, shape in enumerate(shapes)]
    found = bundled(models.identities(tmp_path / "net.onnx", *tensors), tmp_path)
    assert found.max_batch_size == batch
    assert found.HasField("dynamic_batching") == (batch > 0)
    for side in (found.input, found.output):
        assert [list(tensor.dims) for tensor in side] == dims
        assert [tensor.HasField("reshape") for tensor in side] == [shape == ["N"] for shape in shapes]


def test_batching_can_be_turned_off(tmp_path: Path) -> None:
    found = bundled(models.classifier(tmp_path / "net.onnx"), tmp_path, max_batch=0)
    assert (found.max_batch_size, found.HasField("dynamic_batching")) == (0, False)
    assert list(found.input[0].dims) == [-1, 3, -1, -1]


def test_a_batcher_that_there_is_not(tmp_path: Path) -> None:
    path = models.identities(tmp_path / "net.onnx", ("x", TensorProto.FLOAT, [1, 4]))
    (one,) = bundle([path], tmp_path / "repository", Request(preferred=(8,), delay=100))
    assert one.left == ("the batcher's sizes and delay: requests go one by one",)
    assert not schema.read(one.folder / "config.pbtxt").HasField("dynamic_batching")


def test_a_weight_that_is_listed_among_the_inputs_is_none(tmp_path: Path) -> None:
    graph = onnx.load(models.classifier(tmp_path / "net.onnx")).graph
    graph.input.append(helper.make_tensor_value_info("conv.weight", TensorProto.FLOAT, [10, 3, 3, 3]))
    found = bundled(models.save(graph, tmp_path / "net.onnx"), tmp_path)
    assert [tensor.name for tensor in found.input] == ["x"]


def test_shapes_that_the_model_does_not_give_are_inferred(tmp_path: Path) -> None:
    graph = onnx.load(models.classifier(tmp_path / "net.onnx")).graph
    graph.output[0].type.tensor_type.ClearField("shape")
    found = bundled(models.save(graph, tmp_path / "net.onnx"), tmp_path)
    assert list(found.output[0].dims) == [10]


def test_what_is_no_tensor_is_told(tmp_path: Path) -> None:
    value = helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, None)
    out = helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)
    path = models.save(
        helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [out]), tmp_path / "net.onnx"
    )
    with pytest.raises(ModelError, match="the input `x` is a sequence; only tensors can be served"):
        bundled(path, tmp_path)


@pytest.mark.parametrize(("device", "kind"), [("gpu", "KIND_GPU"), ("cpu", "KIND_CPU"), (None, "KIND_AUTO")])
def test_devices(tmp_path: Path, device: str | None, kind: str) -> None:
    found = bundled(models.classifier(tmp_path / "net.onnx"), tmp_path, device=device, instances=2)
    (group,) = found.instance_group
    assert (schema.kind(group.kind), group.count) == (kind, 2)


@pytest.mark.parametrize(
    ("profile", "kind"),
    [("cuda-fp16", "KIND_GPU"), ("cpu-int8", "KIND_CPU"), ("portable", "KIND_AUTO"), ("of-another-tool", "KIND_AUTO")],
)
def test_a_model_goes_to_the_device_that_it_was_built_for(tmp_path: Path, profile: str, kind: str) -> None:
    path = models.identities(tmp_path / "net.onnx", ("x", TensorProto.FLOAT, ["N", 4]), profile=profile)
    assert schema.kind(bundled(path, tmp_path).instance_group[0].kind) == kind


CUDA = [
    ({"prefer_nhwc": True}, {"prefer_nhwc": "1"}, {}),
    ({"fuse_conv_bias": True}, {"fuse_conv_bias": "1"}, {}),
    ({"use_tf32": False}, {"use_tf32": "0"}, {}),
    ({"cudnn_conv_use_max_workspace": False}, {"cudnn_conv_use_max_workspace": "0"}, {}),
    ({"cudnn_conv_algo_search": "EXHAUSTIVE"}, {}, {"cudnn_conv_algo_search": "0"}),
    ({"cudnn_conv_algo_search": "DEFAULT"}, {}, {"cudnn_conv_algo_search": "2"}),
    ({"arena_extend_strategy": "kSameAsRequested"}, {}, {"arena_extend_strategy": "1"}),
    ({"gpu_mem_limit": 1 << 30}, {}, {"gpu_mem_limit": "1073741824"}),
]


@pytest.mark.parametrize(("given", "accelerator", "parameters"), CUDA)
def test_options_of_cuda(
    tmp_path: Path, given: dict[str, Any], accelerator: dict[str, str], parameters: dict[str, str]
) -> None:
    """Three of them Triton reads among the parameters, where it would otherwise put its defaults in their place."""
    settings = Settings(cuda=CudaSettings(**given))
    found = bundled(models.classifier(tmp_path / "net.onnx"), tmp_path, device="gpu", settings=settings)
    accelerators = found.optimization.execution_accelerators.gpu_execution_accelerator
    assert [(one.name, dict(one.parameters)) for one in accelerators] == (
        [("cuda", accelerator)] if accelerator else []
    )
    assert {key: value.string_value for key, value in found.parameters.items()} == parameters
    alone = of_settings(settings, gpu=False)
    assert (alone.cuda, alone.parameters, alone.left) == ({}, {}, ())


@pytest.mark.parametrize(
    ("given", "parameters", "level"),
    [
        ({"intra_op_threads": 3}, {"intra_op_thread_count": "3"}, 0),
        ({"inter_op_threads": 2, "execution": "parallel"}, {"inter_op_thread_count": "2", "execution_mode": "1"}, 0),
        ({"cpu_mem_arena": False}, {"enable_mem_arena": "0"}, 0),
        ({"mem_pattern": False}, {"enable_mem_pattern": "0"}, 0),
        ({"graph_optimization": "extended"}, {}, 1),
        ({"graph_optimization": "basic"}, {}, -1),
        ({"graph_optimization": "disabled"}, {}, 2),
        (
            {"config": {"session.use_device_allocator_for_initializers": "1"}},
            {"session.use_device_allocator_for_initializers": "1"},
            0,
        ),
    ],
)
def test_options_of_sessions(tmp_path: Path, given: dict[str, Any], parameters: dict[str, str], level: int) -> None:
    found = bundled(models.classifier(tmp_path / "net.onnx"), tmp_path, settings=Settings(**given))
    assert {key: value.string_value for key, value in found.parameters.items()} == parameters
    assert found.optimization.graph.level == level


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (Settings(cuda=CudaSettings(enable_cuda_graph=True)), "enable_cuda_graph=1: Triton gives a model new buffers"),
        (Settings(cuda=CudaSettings(device_id=1)), "device_id=1: Triton numbers the GPUs itself"),
        (Settings(graph_optimization="layout"), "graph_optimization=layout: Triton has no such level"),
        (Settings(config={"session.set_denormal_as_zero": "1"}), "session.set_denormal_as_zero=1: Triton's ONNX"),
    ],
)
def test_what_triton_does_not_take_is_told(tmp_path: Path, settings: Settings, told: str) -> None:
    path = models.classifier(tmp_path / "net.onnx")
    (one,) = bundle([path], tmp_path / "repository", Request(device="gpu", settings=settings))
    assert len(one.left) == 1 and one.left[0].startswith(told)
    text = (one.folder / "config.pbtxt").read_text()
    assert told.partition("=")[0] not in text


def test_no_setting_is_lost() -> None:
    """Whatever is set is handed on or told, also what these settings have one day."""
    others: dict[str, Any] = {"graph_optimization": "basic", "execution": "parallel", "config": {"a": "b"}}
    for field in dataclasses.fields(Settings):
        if field.name != "cuda":
            value = others.get(field.name, not field.default if isinstance(field.default, bool) else 3)
            found = of_settings(Settings(**{field.name: value}), gpu=True)
            assert found.parameters or found.graph_level or found.left, field.name
    texts = {"cudnn_conv_algo_search": "DEFAULT", "arena_extend_strategy": "kSameAsRequested"}
    hints = get_type_hints(CudaSettings)
    for field in dataclasses.fields(CudaSettings):
        value = texts.get(field.name, True if bool in get_args(hints[field.name]) else 3)
        found = of_settings(Settings(cuda=CudaSettings(**{field.name: value})), gpu=True)
        assert [*found.parameters, *found.cuda, *found.left], field.name


@pytest.mark.parametrize(
    ("labels", "file"),
    [
        (json.dumps({"x_out": ["a", "b\nc", " d", "e"]}), "a\nb c\nd\ne\n"),
        (json.dumps({"x_out": ["größe", "犬", "", "e"]}), "größe\n犬\n\ne\n"),
        (json.dumps({"other": ["a"]}), "a\n"),
        (json.dumps({"x_out": ["a"]}), "a\n"),  # not as many as the output has numbers
        (json.dumps({"x_out": []}), None),
        (json.dumps(["a", "b"]), None),
        ("no JSON", None),
    ],
)
def test_labels(tmp_path: Path, labels: str, file: str | None) -> None:
    path = models.identities(tmp_path / "net.onnx", ("x", TensorProto.FLOAT, ["N", 4]), labels=labels)
    (one,) = bundle([path], tmp_path / "repository")
    there = one.folder / "labels.txt"
    assert (there.read_text(encoding="utf-8") if there.exists() else None) == file
    fits = file is not None and file.count("\n") == 4
    assert schema.read(one.folder / "config.pbtxt").output[0].label_filename == ("labels.txt" if fits else "")
    assert bool(one.left) == (file is not None and not fits)


def test_labels_of_two_outputs_whose_names_are_no_names_of_files(tmp_path: Path) -> None:
    names = {"a/b_out": ["p", "q"], "a_b_out": ["r", "s"]}
    tensors = [(name.removesuffix("_out"), TensorProto.FLOAT, ["N", 2]) for name in names]
    found = bundled(models.identities(tmp_path / "net.onnx", *tensors, labels=json.dumps(names)), tmp_path)
    files = [tmp_path / "repository/net" / output.label_filename for output in found.output]
    assert [file.read_text().split() for file in files] == list(names.values())


@given(st.text())
def test_any_name_is_quoted(name: str) -> None:
    assert schema.parse(pbtxt.text(pbtxt.message(("name", name)))).name == name


def test_a_tensor_with_an_odd_name(tmp_path: Path) -> None:
    name = 'a "quoted"\\name\n{'
    found = bundled(models.identities(tmp_path / "net.onnx", (name, TensorProto.FLOAT, ["N", 4])), tmp_path)
    assert found.input[0].name == name
