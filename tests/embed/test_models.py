"""Whole models that take images and give classes, as `archc build` and Python write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import archc
from archc.backends.onnx.export import Export
from archc.backends.onnx.kernels import without_kernel
from archc.backends.onnx.model import build
from archc.graph.graph import Graph
from archc.runtime.session import open_session
from tests.embed.pictures import applied, noise, photographs, session, torchvision_s
from tests.kernels import standins
from tests.kernels.plan import CUDA, plans
from tests.zoo.reference import perturb_batch_norms, torchvision_model

SPEC = """\
name: tiny
input: [3, 24, 24]
params: {classes: 7}
body:
  conv: conv(8, 3, stride=2, padding=1)
  bn: batch_norm
  relu: relu
head:
  pool: global_avg_pool
  flatten: flatten
  fc: linear(classes)
preprocess: {resize: 30, mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4], color: rgb}
labels: [a, b, c, d, e, f, g]
"""
PAIR = """\
name: pair
input: {left: [3, 24, 24], right: [1, 16, 20], more: [5]}
body:
  stem <- left:
    - conv(4, 3)
    - global_avg_pool
    - flatten
  other <- right:
    - conv(4, 3)
    - global_avg_pool
    - flatten
  all <- stem, other, more: concat
  fc: linear(3)
preprocess:
  left: {resize: 30, mean: 0.5, std: 0.2}
  right: {resize: 20, mean: 0.4, color: gray}
"""
CUDA_PROFILES = ("cuda-fp32", "cuda-fp16", "cuda-bf16")


def network(tmp_path: Path, text: str = SPEC, **params: Any) -> archc.Network:
    (tmp_path / "net.yaml").write_text(text)
    return archc.compile(tmp_path / "net.yaml", **params)


def graph(tmp_path: Path, **said: Any) -> Graph:
    """The small network with other keys of `preprocess`; None leaves one out."""
    made = network(tmp_path).graph
    made.preprocess = {k: v for k, v in {**made.preprocess, **said}.items() if v is not None}
    return made


def embedded(graph: Graph, profile: str = "portable", **given: Any) -> onnxruntime.InferenceSession:
    return session(build(graph, export=Export.of(profile, **{"preprocess": True, **given})).proto().SerializeToString())


@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenet_v3_small"])
def test_photographs_to_classes_as_torchvision_does(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = torchvision_model(name)
    perturb_batch_norms(theirs)
    theirs.eval()
    net = archc.compile(name)
    report = net.onnx(tmp_path / "net.onnx", weights=theirs.state_dict(), preprocess=True, topk=3)
    assert (report.inputs, report.outputs) == (
        {"x": ("N", "H", "W", 3)},
        {"scores": ("N", 3), "classes": ("N", 3)},
    )
    images = np.stack(list(photographs().values()))
    with torch.inference_mode():
        pixels = torch.from_numpy(applied(torchvision_s(224, net.graph.preprocess["resize"]), images))
        wanted = theirs(pixels).double().softmax(1).topk(3)
    scores, classes = session((tmp_path / "net.onnx").read_bytes()).run(None, {"x": images})
    assert classes.tolist() == wanted.indices.tolist()
    np.testing.assert_allclose(scores, wanted.values, rtol=5e-3)


def test_a_batch_and_sizes_that_change(tmp_path: Path) -> None:
    net = network(tmp_path).graph
    whole = embedded(net)
    for shape in ((1, 24, 24, 3), (4, 50, 31, 3), (2, 9, 90, 3)):
        images = noise(0, *shape)
        alone = [whole.run(None, {"x": image[None]})[0][0] for image in images]
        np.testing.assert_allclose(whole.run(None, {"x": images})[0], alone, rtol=1e-5, atol=1e-6)


def test_what_follows_has_fixed_sizes(tmp_path: Path) -> None:
    """So that a runtime plans for them, though images have any."""
    proto = build(network(tmp_path).graph, export=Export.of(preprocess=True)).proto()
    inferred = onnx.shape_inference.infer_shapes(proto, strict_mode=True)
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in inferred.graph.value_info}
    assert shapes["x.normalised"][1:] == [3, 24, 24]


def test_a_portable_model_is_right_in_another_runtime(tmp_path: Path) -> None:
    openvino: Any = pytest.importorskip("openvino")
    net = network(tmp_path)
    net.onnx(tmp_path / "net.onnx", preprocess=True)
    exact = {"INFERENCE_PRECISION_HINT": "f32"}  # it takes bf16 where the CPU has it
    compiled = openvino.Core().compile_model(tmp_path / "net.onnx", "CPU", exact)
    plain = session(build(net.graph).proto().SerializeToString())
    preprocess = torchvision_s(24, 30, mean=[0.5, 0.4, 0.3], std=[0.2, 0.3, 0.4])
    for image in photographs().values():
        wanted = plain.run(None, {"x": applied(preprocess, image[None])})[0]
        np.testing.assert_allclose(compiled([image[None]])[0], wanted, atol=2e-3)


@pytest.mark.parametrize("profile", ["cpu", "cuda-fp32", "cuda-fp16"])
def test_every_profile_takes_the_same_images(tmp_path: Path, profile: str) -> None:
    net = network(tmp_path).graph
    images = noise(1, 3, 60, 45, 3)
    exact = embedded(net).run(None, {"x": images})[0]
    np.testing.assert_allclose(embedded(net, profile).run(None, {"x": images})[0], exact, rtol=5e-3, atol=5e-3)


def test_outputs_may_be_fp16_where_images_are_bytes(tmp_path: Path) -> None:
    made = embedded(network(tmp_path).graph, "cuda-fp16", io="fp16", topk=2)
    assert [(t.name, t.type) for t in (*made.get_inputs(), *made.get_outputs())] == [
        ("x", "tensor(uint8)"), ("scores", "tensor(float16)"), ("classes", "tensor(int64)"),
    ]  # fmt: skip


@pytest.mark.parametrize("profile", CUDA_PROFILES)
@pytest.mark.parametrize(
    "said", [{}, {"interpolation": "bicubic"}, {"interpolation": "nearest"}, {"resize": 20}, {"resize": None}]
)
def test_cuda_has_every_kernel(tmp_path: Path, profile: str, said: dict[str, Any]) -> None:
    program = build(graph(tmp_path, **said), export=Export.of(profile, preprocess=True, topk=2)).program
    assert not without_kernel(program, CUDA)


@pytest.mark.skipif(standins.needs() is not None, reason=str(standins.needs()))
def test_cuda_leaves_nothing_to_the_cpu(tmp_path: Path) -> None:
    """Not even arithmetic on sizes, which onnxruntime puts there where it can."""
    models = {
        f"{profile} {said}": build(graph(tmp_path, **said), export=Export.of(profile, preprocess=True, topk=2)).proto()
        for profile in CUDA_PROFILES
        for said in ({}, {"interpolation": "bicubic", "resize": 20}, {"resize": None})
    }
    assert {name: (plan.elsewhere, plan.error) for name, plan in plans(models, CUDA).items()} == dict.fromkeys(
        models, ((), "")
    )


@pytest.mark.gpu
@pytest.mark.skipif(not standins.has_gpu(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("profile", CUDA_PROFILES)
def test_cuda_computes_the_same(tmp_path: Path, profile: str) -> None:
    for said in ({}, {"interpolation": "bicubic"}, {"resize": 20}, {"resize": None}):
        net = graph(tmp_path, **said)
        proto = build(net, export=Export.of(profile, preprocess=True)).proto()
        images = noise(2, 2, 90, 70, 3)
        found = open_session(proto.SerializeToString(), device="cuda").run({"x": images})
        exact = embedded(net).run(None, {"x": images})[0]
        np.testing.assert_allclose(next(iter(found.values())), exact, rtol=2e-2, atol=2e-2)


def test_several_inputs(tmp_path: Path) -> None:
    net = network(tmp_path, PAIR).graph
    made = embedded(net)
    assert {t.name: (t.shape, t.type) for t in made.get_inputs()} == {
        "left": (["N", "left.H", "left.W", 3], "tensor(uint8)"),
        "right": (["N", "right.H", "right.W", 1], "tensor(uint8)"),
        "more": (["N", 5], "tensor(float)"),
    }
    more = np.zeros((2, 5), np.float32)
    images = {"left": noise(0, 2, 40, 50, 3), "right": noise(1, 2, 33, 44, 1)}
    found = made.run(None, {**images, "more": more})[0]
    plain = session(build(net).proto().SerializeToString())
    left = applied(torchvision_s(24, 30, mean=[0.5] * 3, std=[0.2] * 3), images["left"])
    small = applied(torchvision_s(20, 20, mean=[0.4], std=[1.0]), images["right"])
    wanted = plain.run(None, {"left": left, "right": small[:, :, 2:18], "more": more})[0]
    np.testing.assert_allclose(found, wanted, rtol=1e-2, atol=1e-3)


def test_metadata_says_what_is_in_the_model(tmp_path: Path) -> None:
    def said(**export: Any) -> dict[str, str]:
        proto = build(network(tmp_path).graph, export=Export.of(**export)).proto()
        return {p.key: p.value for p in proto.metadata_props}

    assert json.loads(said(preprocess=True, topk=3)["embedded"]) == ["preprocess", "topk"]
    assert json.loads(said(topk=3)["export"]) == {"profile": "portable", "topk": 3}
    assert "embedded" not in said()
    assert json.loads(said(topk=3)["labels"]) == {"output": list("abcdefg")}
