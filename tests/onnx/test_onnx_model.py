"""What the ONNX of a small network is made of, and that it computes what torch computes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from archc.backends.onnx.export import Export
from archc.backends.onnx.lower import OPSET
from archc.backends.onnx.model import IR_VERSION, Built, build, emit_op
from archc.backends.onnx.profiles import PROFILES
from archc.backends.onnx.save import save
from archc.backends.weights import Array, WeightsError
from archc.graph.graph import Graph
from archc.graph.structure import structure_hash
from archc.ops.base import OPS
from archc.ops.shape import Shape
from tests.onnx.networks import Residual, arrays, difference, perturbed, residual
from tests.support.builder import Builder


def run(model: onnx.ModelProto | Path, **inputs: Array) -> dict[str, Array]:
    """The outputs by name, by onnxruntime with its own optimisations off: the file as it is."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    source = str(model) if isinstance(model, Path) else model.SerializeToString()
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, inputs), strict=True))


def check(built: Built, graph: Graph) -> onnx.ModelProto:
    """Full check, and shape inference equal to the graph's shapes for every tensor."""
    proto = built.proto()
    onnx.checker.check_model(proto, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
    values = [*inferred.graph.input, *inferred.graph.value_info, *inferred.graph.output]
    shapes = {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}
    present = {name for node in proto.graph.node for name in node.output} | set(graph.inputs) | set(graph.outputs)
    compared = {t: name for t, name in built.names.items() if name in present}
    assert compared
    for tensor, name in compared.items():
        assert shapes[name] == ["N", *tensor.shape.dims], name
    return proto


def image(*shape: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def names_of(proto: onnx.ModelProto) -> list[tuple[str, str]]:
    return [(node.name, node.op_type) for node in proto.graph.node]


def test_names_come_from_the_spec() -> None:
    proto = check(build(graph := residual(), weights=arrays(perturbed(Residual()))), graph)
    assert names_of(proto) == [
        ("conv1", "Conv"),
        ("relu", "Relu"),
        ("block.bn", "BatchNormalization"),
        ("block.conv", "Conv"),
        ("sum", "Add"),
        ("relu2", "Relu"),
        ("avgpool", "GlobalAveragePool"),
        ("flatten", "Flatten"),
        ("fc", "Gemm"),
    ]
    assert {o for node in proto.graph.node for o in node.output} == {
        *("conv1", "relu", "block.bn", "block.conv", "sum", "relu2", "avgpool", "flatten", "logits")
    }
    assert sorted(i.name for i in proto.graph.initializer) == [
        *("block.bn.bias", "block.bn.running_mean", "block.bn.running_var", "block.bn.weight"),
        *("block.conv.bias", "block.conv.weight", "conv1.bias", "conv1.weight", "fc.bias", "fc.weight"),
    ]


def test_versions_and_symbolic_batch() -> None:
    proto = build(residual()).proto()
    assert (OPSET, IR_VERSION) == (18, 10)
    assert proto.ir_version == 10
    assert [(o.domain, o.version) for o in proto.opset_import] == [("", 18)]
    (x,), (y,) = proto.graph.input, proto.graph.output
    assert [d.dim_param or d.dim_value for d in x.type.tensor_type.shape.dim] == ["N", 3, 12, 10]
    assert (x.name, y.name) == ("x", "logits")
    assert not proto.graph.value_info


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize("fold", [True, False])
def test_equals_torch(batch: int, fold: bool) -> None:
    module, x = perturbed(Residual()), image(batch, 3, 12, 10)
    built = build(residual(), weights=arrays(module), export=Export.of(without=() if fold else ["fold-batch-norm"]))
    with torch.inference_mode():
        expected = module(torch.from_numpy(x)).numpy()
    assert difference(run(built.proto(), x=x)["logits"], expected) < 1e-6
    assert [node.path for node in built.folded] == (["bn1", "block.bn2"] if fold else [])


def test_folding_is_done_in_float64() -> None:
    b = Builder("net", [2, 4, 4])
    b.add("conv", "conv", 3, 1)
    b.add("bn", "batch_norm")
    module = perturbed(nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3)))
    values = {k.replace("0.", "conv.").replace("1.", "bn."): v for k, v in arrays(module).items()}
    built = build(b.graph(), weights=values)
    (conv,) = built.proto().graph.node
    folded = {i.name: onnx.numpy_helper.to_array(i) for i in built.proto().graph.initializer}
    wide = {k: v.astype(np.float64) for k, v in values.items()}
    scale = wide["bn.weight"] / np.sqrt(wide["bn.running_var"] + 1e-5)
    shift = wide["bn.bias"] + (wide["conv.bias"] - wide["bn.running_mean"]) * scale
    np.testing.assert_array_equal(folded["conv.weight"], np.float32(wide["conv.weight"] * scale[:, None, None, None]))
    np.testing.assert_allclose(folded["conv.bias"], shift, rtol=1e-7)
    assert list(conv.output) == ["y"]


def test_a_pass_that_is_asked_for_twice_folds_once() -> None:
    weights = arrays(perturbed(Residual()))
    once, twice = (
        build(residual(), weights=weights, export=Export.of(only=["fold-batch-norm"] * times)) for times in (1, 2)
    )
    assert [len(one.changes) for one in twice.applied] == [2, 0]
    assert once.proto().graph.initializer == twice.proto().graph.initializer


def _followed_twice() -> Builder:
    b = Builder("net", [2, 4, 4])
    y = b.add("conv", "conv", 2, 1)
    z = b.add("bn", "batch_norm")
    b.add("sum", "add", on=[y, z])
    return b


def test_no_folding_where_the_convolution_feeds_another_layer() -> None:
    assert build(_followed_twice().graph()).folded == ()


def test_no_folding_where_the_convolution_is_an_output() -> None:
    b = Builder("net", [2, 4, 4])
    conv = b.add("conv", "conv", 2, 1)
    bn = b.add("bn", "batch_norm")
    built = build(graph := b.graph({"raw": conv, "normed": bn}))
    assert built.folded == ()
    check(built, graph)


def test_a_chain_of_affine_layers_folds_whole() -> None:
    b = Builder("net", [4])
    b.add("0", "linear", 3)
    b.add("1", "batch_norm")
    b.add("2", "channel_affine", [2.0, 3.0, 4.0], [1.0, 0.0, -1.0])
    b.add("3", "batch_norm")
    module = perturbed(nn.ModuleDict({"0": nn.Linear(4, 3), "1": nn.BatchNorm1d(3), "3": nn.BatchNorm1d(3)}))
    built = build(b.graph(), weights=arrays(module))
    assert names_of(built.proto()) == [("0", "Gemm")]
    x = image(5, 4)
    with torch.inference_mode():
        y = module["1"](module["0"](torch.from_numpy(x)))
        y = module["3"](y * torch.tensor([2.0, 3.0, 4.0]) + torch.tensor([1.0, 0.0, -1.0]))
    assert difference(run(built.proto(), x=x)["y"], y.numpy()) < 1e-6


def test_a_batch_norm_over_a_sequence_is_not_folded_into_its_linear_layer() -> None:
    b = Builder("net", [3, 4])
    b.add("fc", "linear", 3)  # the features are on axis 2, the batch norm's channels on axis 1; both are 3
    b.add("bn", "batch_norm")
    assert build(b.graph()).folded == ()


def test_transposed_convolutions_fold() -> None:
    b = Builder("net", [4, 3, 3])
    b.add("0", "conv_transpose", 6, 2, stride=2, groups=2)
    b.add("1", "batch_norm")
    module = perturbed(nn.Sequential(nn.ConvTranspose2d(4, 6, 2, 2, groups=2), nn.BatchNorm2d(6)))
    built = build(b.graph(), weights=arrays(module))
    assert len(built.folded) == 1
    x = image(2, 4, 3, 3)
    with torch.inference_mode():
        assert difference(run(built.proto(), x=x)["y"], module(torch.from_numpy(x)).numpy()) < 1e-6


def test_folded_weights_need_not_be_held(monkeypatch: pytest.MonkeyPatch) -> None:
    held = build(residual(), seed=3).proto()
    monkeypatch.setattr("archc.backends.onnx.passes.fold_batch_norm.KEPT", 0)
    assert build(residual(), seed=3).proto() == held


def test_identity_only_where_a_tensor_has_two_names() -> None:
    b = Builder("net", [2, 4, 4])
    x = b.prev
    y = b.add("relu", "relu")
    same = b.add("dropout", "dropout", 0.5)
    p = b.add("p", "parameter", [2, 1, 1], 0.5)
    built = build(graph := b.graph({"a": y, "b": same, "in": x, "p": p}))
    proto = built.proto()
    assert names_of(proto) == [
        ("relu", "Relu"), ("b.Identity", "Identity"), ("in.Identity", "Identity"), ("p.Identity", "Identity")
    ]  # fmt: skip
    onnx.checker.check_model(proto, full_check=True)
    given = image(2, 2, 4, 4)
    out = run(proto, x=given)
    np.testing.assert_array_equal(out["in"], given)
    np.testing.assert_array_equal(out["a"], np.maximum(given, 0))
    np.testing.assert_array_equal(out["b"], out["a"])
    np.testing.assert_array_equal(out["p"], np.full((2, 1, 1), 0.5, np.float32))
    assert list(graph.outputs) == list(out)


def test_dropout_at_the_end_leaves_nothing() -> None:
    b = Builder("net", [4])
    b.add("fc", "linear", 3)
    b.add("dropout", "dropout", 0.5)
    (node,) = build(b.graph({"logits": b.prev})).proto().graph.node
    assert (node.name, list(node.output)) == ("fc", ["logits"])


def test_an_output_may_be_called_like_another_layer() -> None:
    b = Builder("net", [2, 4, 4])
    y = b.add("logits", "relu")
    z = b.add("x", "sigmoid")
    built = build(graph := b.graph({"logits": z, "y": y}))
    check(built, graph)
    given = image(1, 2, 4, 4)
    out = run(built.proto(), x=given)
    np.testing.assert_array_equal(out["y"], np.maximum(given, 0))
    np.testing.assert_allclose(out["logits"], 1 / (1 + np.exp(-np.maximum(given, 0))), rtol=1e-6)


def test_layers_for_training_alone_are_left_out() -> None:
    b = Builder("net", [2, 4, 4])
    y = b.add("body", "relu")
    aux = b.add("aux", "conv", 3, 1)
    graph = b.graph({"y": y}, {"y": y, "aux": aux})
    proto = build(graph).proto()
    assert names_of(proto) == [("body", "Relu")]
    assert not proto.graph.initializer
    with pytest.raises(WeightsError, match=r"aux\.weight"):  # a state_dict has them all the same
        build(graph, weights={})


def test_what_only_lends_its_shape_is_left_out() -> None:
    b = Builder("net", {"a": [2, 3, 3], "b": [1, 7, 6]})
    skip = b.add("skip", "conv", 2, 1, on=b.inputs["b"])
    b.add("up", "resize_like", on=[b.inputs["a"], skip])
    built = build(graph := b.graph())
    check(built, graph)
    assert "skip" not in dict(names_of(built.proto()))
    assert run(built.proto(), a=image(1, 2, 3, 3), b=image(1, 1, 7, 6))["y"].shape == (1, 2, 7, 6)


def test_several_inputs_keep_their_order() -> None:
    b = Builder("net", {"image": [3, 4, 4], "depth": [1, 4, 4]})
    b.add("both", "concat", on=[b.inputs["depth"], b.inputs["image"]])
    proto = check(build(graph := b.graph()), graph)
    assert [i.name for i in proto.graph.input] == ["image", "depth"]


def test_lists_of_tensors_are_numbered() -> None:
    b = Builder("net", [4, 3, 3])
    first, second = b.add("parts", "chunk", 2)
    b.add("sum", "add", on=[second, first])
    proto = check(build(graph := b.graph()), graph)
    assert {o for node in proto.graph.node for o in node.output} == {"parts.0", "parts.1", "y"}


def test_equal_constants_are_written_once() -> None:
    b = Builder("net", [2, 3, 3])
    b.add("a", "scale", 0.5)
    b.add("b", "scale", 0.5)
    b.add("c", "scale", 0.25)
    assert [i.name for i in build(b.graph()).proto().graph.initializer] == ["a.constant", "c.constant"]


def test_metadata(tmp_path: Path) -> None:
    graph = residual(
        source="a paper",
        preprocess={"mean": [0.5], "range": [0, 1]},
        labels={"logits": ["cat", "größer"]},
        spec_name="specs/residual.yaml",
        spec_text="name: residual\n",
        spec_hash="00ff",
    )
    save(graph, tmp_path / "net.onnx", weights=arrays(Residual()))
    proto = onnx.load(tmp_path / "net.onnx")
    metadata = {p.key: p.value for p in proto.metadata_props}
    assert json.loads(metadata.pop("preprocess")) == {"mean": [0.5], "range": [0, 1]}
    assert json.loads(metadata.pop("labels")) == {"logits": ["cat", "größer"]}
    assert metadata == {
        "archc_version": proto.producer_version,
        "spec": "specs/residual.yaml",
        "spec_sha256": "00ff",
        "spec_text": "name: residual\n",
        "weights": "from a file",
        "profile": "portable",
        "passes": " ".join(PROFILES["portable"].passes),
        "structure_sha256": structure_hash(graph),
        "export": '{"profile": "portable"}',
    }
    assert (proto.producer_name, proto.graph.name) == ("archc", "residual")
    assert proto.doc_string == "residual — a paper"


def test_random_weights_are_said_to_be_so(tmp_path: Path) -> None:
    report = save(residual(), tmp_path / "net.onnx", seed=7)
    assert report.random
    assert report.seed == 7
    metadata = {p.key: p.value for p in onnx.load(tmp_path / "net.onnx").metadata_props}
    assert metadata["weights"] == "random, seed 7"


def test_report(tmp_path: Path) -> None:
    report = save(residual(), tmp_path / "net.onnx", weights=arrays(Residual()))
    assert report.inputs == {"x": ("N", 3, 12, 10)}
    assert report.outputs == {"logits": ("N", 5)}
    assert (report.opset, report.ir_version, report.folded) == (18, 10, 2)
    assert report.files == (tmp_path / "net.onnx",)
    assert report.size == (tmp_path / "net.onnx").stat().st_size
    assert report.weights is not None
    assert (len(report.weights.loaded), report.weights.expected) == (20, 20)


@pytest.mark.parametrize(
    ("name", "args", "shape", "values"),
    [
        ("prelu", (), (3, 2, 2), {"weight": np.array([0.1, 0.2, 0.3], np.float32)}),
        ("linear", (2,), (4,), None),
        ("identity", (), (3,), None),
    ],
)
def test_emit_op(name: str, args: tuple[int, ...], shape: tuple[int, ...], values: Mapping[str, Array] | None) -> None:
    op = OPS[name].of(*args)
    if name == "prelu":
        values = {k: np.full(w.shape, 0.25, np.float32) for k, w in op.weights(Shape(shape)).items()}
    proto = emit_op(op, [Shape(shape)], values)
    onnx.checker.check_model(proto, full_check=True)
    x = image(2, *shape)
    y = run(proto, x0=x)["y0"]
    assert y.shape == (2, *op.infer(Shape(shape)).dims)  # type: ignore[union-attr]
    if name == "prelu":
        np.testing.assert_allclose(y, np.where(x > 0, x, 0.25 * x))
