"""Metadata is read from the file's bytes, without onnx; here it is compared with what onnx reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

import archc
from archc.backends.onnx.metadata import read_metadata

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def proto(metadata: dict[str, str], size: int = 3) -> onnx.ModelProto:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size]) for name in "xy")
    node = helper.make_node("Add", ["x", "w"], ["y"])
    weights = helper.make_tensor("w", TensorProto.FLOAT, [size], bytes(4 * size), raw=True)
    made = helper.make_model(helper.make_graph([node], "g", [x], [y], [weights]))
    helper.set_model_props(made, metadata)
    return made


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(TEXTS, TEXTS, max_size=6), st.integers(1, 5000))
def test_as_onnx_reads_it(tmp_path_factory: pytest.TempPathFactory, metadata: dict[str, str], size: int) -> None:
    path = tmp_path_factory.mktemp("model") / "m.onnx"
    onnx.save(proto(metadata, size), path)
    assert read_metadata(path) == metadata


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_broken_file_is_refused_or_read_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int
) -> None:
    whole = bytearray(proto({"spec": "a", "spec_text": "b" * 50}).SerializeToString())
    path = tmp_path_factory.mktemp("model") / "m.onnx"
    whole[place % len(whole)] = byte
    path.write_bytes(whole)
    try:
        found = read_metadata(path)
    except archc.ModelError:
        return
    assert all(isinstance(text, str) for text in found.values())


def test_every_cut_within_the_graph_is_noticed(tmp_path: Path) -> None:
    whole = proto({}).SerializeToString()
    for end in range(len(whole) - 6):  # where the opset stands, which may be absent
        path = tmp_path / "m.onnx"
        path.write_bytes(whole[:end])
        with pytest.raises(archc.ModelError):
            read_metadata(path)


@pytest.mark.parametrize("text", [b"", b"\x00", b"name: net\n", b"\xff" * 100, b"PK\x03\x04" * 30, b"\x08\x0a"])
def test_what_is_no_model(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(text)
    with pytest.raises(archc.ModelError, match="is no ONNX model, or is broken"):
        archc.recover(path)


def test_neither_onnx_nor_numpy_is_imported(tmp_path: Path) -> None:
    spec = "name: net\ninput: [3]\nbody:\n  fc: linear(2)\n"
    (tmp_path / "net.yaml").write_text(spec)
    archc.compile(tmp_path / "net.yaml").onnx(tmp_path / "m.onnx")
    program = f"""
import sys, archc
assert archc.recover({str(tmp_path / "m.onnx")!r}).differences() == []
assert not {{"onnx", "numpy", "torch", "onnxruntime"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
