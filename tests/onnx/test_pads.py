"""Zeros around a map count as zeros, whatever reads them: onnxruntime alone would take them for a pool's padding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import archc

SPEC = """\
name: padded
input: [2, 7, 7]
body:
  pad: {pad}
  after: {after}
"""


@pytest.mark.parametrize("after", ["max_pool(3, stride=2)", "max_pool(2)", "max_pool(3, padding=1)", "avg_pool(2)"])
@pytest.mark.parametrize("pad", ["pad(1)", "pad([2, 0, 0, 2])", "pad(2)"])
def test_zeros_before_a_pool(pad: str, after: str, tmp_path: Path) -> None:
    (tmp_path / "padded.yaml").write_text(SPEC.format(pad=pad, after=after))
    network = archc.compile(tmp_path / "padded.yaml")
    model = tmp_path / "padded.onnx"
    network.onnx(model)
    images = -1 - np.random.default_rng(0).random((2, 2, 7, 7), np.float32)  # below the zeros everywhere
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": images})
    expected = network.module().eval()(torch.from_numpy(images))
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-6)


def test_before_a_convolution_they_can_go_into_it(tmp_path: Path) -> None:
    (tmp_path / "padded.yaml").write_text(SPEC.format(pad="pad(1)", after="conv(4, 3)"))
    archc.compile(tmp_path / "padded.yaml").onnx(tmp_path / "padded.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(tmp_path / "padded.onnx", options, providers=["CPUExecutionProvider"])
    assert "Pad" not in {node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node}
