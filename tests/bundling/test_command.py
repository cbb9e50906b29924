"""``archc bundle``, as a user calls it."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from archc.runtime.profile import Profile, write_profile
from archc.runtime.settings import CudaSettings, Settings
from tests.bundling import models, schema
from tests.cli.conftest import Archc, archc, folder  # noqa: F401  (fixtures)
from tests.conftest import Golden

GOLDENS = Path(__file__).parent / "goldens"


def test_what_it_prints(archc: Archc, folder: Path, golden: Golden) -> None:  # noqa: F811
    net = models.classifier(folder / "net.onnx", external="weights.bin")
    settings = Settings(intra_op_threads=2, cuda=CudaSettings(enable_cuda_graph=True))
    digest = sha256(net.read_bytes()).hexdigest()
    write_profile(net, Profile("cuda", "NVIDIA H100", "1.31.1", digest, settings))
    models.identities(folder / "other.onnx", ("x", onnx.TensorProto.UINT8, [1, None, None, 3]))
    done = archc("bundle", "net.onnx", "other.onnx", "--out", "models", "--device", "gpu")
    assert (done.code, done.err) == (0, "")
    golden(GOLDENS / "bundle.txt", done.out)


def test_a_network_of_the_library_from_spec_to_repository(archc: Archc, folder: Path) -> None:  # noqa: F811
    spec = folder / "tiny.yaml"
    spec.write_text(spec.read_text() + f"labels: {json.dumps(list('abcdefghij'))}\n")
    assert archc("build", "tiny.yaml:small", "--to", "onnx").code == 0
    done = archc("bundle", "generated/small.onnx", "--out", "models")
    assert (done.code, done.err) == (0, "")
    found = schema.read(folder / "models/small/config.pbtxt")
    assert [list(tensor.dims) for tensor in (*found.input, *found.output)] == [[3, 16, 16], [10]]
    assert (folder / "models/small/labels.txt").read_text().split() == list("abcdefghij")
    x = np.ones((2, 3, 16, 16), np.float32)
    run = [
        onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {found.input[0].name: x})[0]
        for path in ("generated/small.onnx", "models/small/1/model.onnx")
    ]
    np.testing.assert_array_equal(*run)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.onnx"], "error: missing.onnx is not there"),
        (["tiny.yaml"], "error: tiny.yaml is no ONNX model"),
        (["net.onnx", "--out", "net.onnx"], "error: cannot write net.onnx/net: net.onnx is a file, not a folder"),
        (["net.onnx", "--name", "a/b"], "error: a model can't be named 'a/b'\nhelp: a name has letters"),
        (["net.onnx", "net.onnx"], "error: net.onnx, net.onnx would all be named `net`"),
        (["net.onnx", "--version", "0"], "Invalid value for '--version'"),
        (
            ["net.onnx", "--max-batch", "4", "--preferred-batch", "8"],
            "error: a batch of 8 is preferred, and the ",
        ),
        ([], "Missing argument"),
    ],
)
def test_wrong_requests(archc: Archc, folder: Path, arguments: list[str], message: str) -> None:  # noqa: F811
    net = models.classifier(folder / "net.onnx")
    whole = net.read_bytes()
    done = archc("bundle", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert net.read_bytes() == whole and not (folder / "models").exists()


def test_a_second_time(archc: Archc, folder: Path) -> None:  # noqa: F811
    models.classifier(folder / "net.onnx")
    assert archc("bundle", "net.onnx").code == 0
    done = archc("bundle", "net.onnx")
    assert done.code == 2
    assert done.err == "error: models/net/1 is there already\nhelp: --version 2 adds one, --force replaces it\n"
    assert archc("bundle", "net.onnx", "--force").code == 0
    assert archc("bundle", "net.onnx", "--version", "2").code == 0
    assert sorted(path.name for path in (folder / "models/net").iterdir()) == ["1", "2", "config.pbtxt", "labels.txt"]
