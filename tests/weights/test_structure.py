"""The hash of a network's structure: equal where weights mean the same, different where they do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import archc
from archc.backends.weights import WeightsError, load
from archc.graph.structure import structure_hash
from archc.network import Network, WeightsWarning

SPEC = """\
name: small
input: [3, 16, 16]
params: {width: 4, drop: 0.1, num_classes: 5, dilation: 1}
blocks:
  unit(out):
    conv: conv(out, 3, padding=dilation, dilation=dilation, bias=False)
    bn: batch_norm
    act: relu
body:
  a: unit(width)
  b: unit(width)
  sum <- a, b: add
head:
  pool: global_avg_pool
  flatten: flatten
  dropout: dropout(drop)
  fc: linear(num_classes)
"""
Make = Callable[..., Network]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Compiles the spec with some of its text replaced, and parameters."""

    def build(*changes: tuple[str, str], input: Any = None, **params: Any) -> Network:
        text = SPEC
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "small.yaml").write_text(text)
        return archc.compile(tmp_path / "small.yaml", input=input, **params)

    return build


@pytest.mark.parametrize(
    "changes",
    [
        [("name: small", "name: other\ndescription: of another name")],
        [("act: relu", "relu: relu  # a layer without weights has another name")],
        [("    act: relu", "    act: identity\n    then: relu")],
        [("  dropout: dropout(drop)\n", "")],
        [("bn: batch_norm", "bn: batch_norm(momentum=0.01)")],
        [("bn: batch_norm", "bn: batch_norm(eps=1e-5)")],
        [("  a: unit(width)\n  b: unit(width)", "  for name in ['a', 'b']:\n    ${name}: unit(width)")],
        [("conv(out, 3, padding=dilation, dilation=dilation,", "conv(out, [3, 3], padding=3 // 2,")],
        [("head:", "outputs: {logits: fc}\ninit: {conv: kaiming_normal}\nhead:")],
    ],
)
def test_what_does_not_matter_to_weights_does_not_count(make: Make, changes: list[tuple[str, str]]) -> None:
    assert structure_hash(make(*changes).graph) == structure_hash(make().graph)


def test_sizes_of_inputs_and_rates_of_dropout_do_not_count(make: Make) -> None:
    assert structure_hash(make(input=[3, 40, 24]).graph) == structure_hash(make().graph)
    assert structure_hash(make(drop=0.5).graph) == structure_hash(make().graph)


@pytest.mark.parametrize(
    "changes",
    [
        [("act: relu", "act: gelu")],
        [("    act: relu\n", "")],
        [("bn: batch_norm", "bn: batch_norm(eps=1e-3)")],
        [("dilation: 1", "dilation: 2")],
        [("<- a, b: add", "<- a, a: add")],
        [("<- a, b: add", "<- b: relu")],
        [("  a: unit", "  c: unit"), ("<- a, b", "<- c, b")],
        [("global_avg_pool", "max_pool(16)")],
        [("width: 4", "width: 8")],
        [("head:", "outputs: {logits: fc, features: sum}\nhead:")],
    ],
)
def test_what_matters_to_weights_counts(make: Make, changes: list[tuple[str, str]]) -> None:
    assert structure_hash(make(*changes).graph) != structure_hash(make().graph)


def test_inputs_of_which_the_order_matters_count(make: Make) -> None:
    one, other = (make(("<- a, b: add", f"<- {order}: concat")).graph for order in ("a, b", "b, a"))
    assert structure_hash(one) != structure_hash(other)


def test_a_file_says_what_it_was_made_from(make: Make, tmp_path: Path) -> None:
    net = make(width=6)
    net.load_weights(net.module().state_dict()).save(tmp_path / "w.safetensors")
    metadata = load(tmp_path / "w.safetensors").metadata
    assert metadata["spec"].endswith("small.yaml:small")
    assert metadata["spec_sha256"] == net.graph.spec_hash
    assert metadata["structure_sha256"] == structure_hash(net.graph)
    assert metadata["params"] == '{"width": 6, "drop": 0.1, "num_classes": 5, "dilation": 1}'
    assert metadata["archc_version"] == archc.__version__


def test_a_file_of_another_structure_is_refused_unless_told(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    make().load_weights(make().module().state_dict()).save(path)
    other = make(dilation=2)  # the same keys and shapes
    for call in (other.load_weights, lambda path: other.module(weights=path)):
        with pytest.raises(WeightsError, match=r"was made from .*small\.yaml:small, which computes something else"):
            call(path)
    with pytest.raises(WeightsError, match="other-structure"):
        other.onnx(tmp_path / "n.onnx", weights=path)
    assert not (tmp_path / "n.onnx").exists()
    report = other.onnx(tmp_path / "n.onnx", weights=path, other_structure=True)
    assert report.weights is not None and report.weights.fits and not report.weights.ok
    with pytest.warns(WeightsWarning, match="computes something else"):
        other.module(weights=path, other_structure=True)


def test_why_a_file_is_of_another_structure(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    make().load_weights(make().module().state_dict()).save(path)
    with pytest.raises(WeightsError, match="there dilation=1; here dilation=2"):
        make(dilation=2).load_weights(path)
    with pytest.raises(WeightsError, match="its spec has been edited since"):
        make(("act: relu", "act: gelu")).load_weights(path)
    (tmp_path / "other.yaml").write_text(SPEC.replace("relu", "gelu"))
    with pytest.raises(WeightsError) as e:
        archc.compile(tmp_path / "other.yaml").load_weights(path)
    assert "edited" not in str(e.value)


def test_a_changed_number_of_classes_is_no_other_structure(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    make().load_weights(make().module().state_dict()).save(path)
    found = make(num_classes=3).load_weights(path)
    assert found.report.fresh == ("fc.weight", "fc.bias") and found.report.ok
    with pytest.raises(WeightsError, match="computes something else"):
        make(num_classes=3, dilation=2).load_weights(path)


def test_parameters_that_rules_speak_of_come_back_from_a_file_that_archc_wrote(tmp_path: Path) -> None:
    net = archc.compile("googlenet", input=[3, 64, 64], transform_input=True)
    path = tmp_path / "mine.safetensors"
    net.load_weights(net.module().state_dict()).save(path)
    found = archc.compile("googlenet", input=[3, 64, 64]).load_weights(path)
    assert found.network.graph.params["transform_input"] is True
    assert found.notes == [f"transform_input=true: it was written so, from {net.graph.spec_name}"]
    without = archc.compile("googlenet", input=[3, 64, 64], aux=False).load_weights(path)
    assert without.report.ok and len(without.report.dropped) > 0
    asked = archc.compile("googlenet", input=[3, 64, 64], transform_input=False).load_weights(path)
    assert asked.network.graph.params["transform_input"] is False
    assert any(note.startswith("transform_input=false, as asked; the file is of") for note in asked.notes)


@pytest.mark.parametrize("params", ["[1]", "{", "[" * 100_000, '{"transform_input": "perhaps"}', '{"aux": 7}'])
def test_metadata_that_says_nonsense(tmp_path: Path, params: str) -> None:
    from safetensors.torch import save_file

    net = archc.compile("googlenet", input=[3, 64, 64])
    save_file(net.module().state_dict(), tmp_path / "w.safetensors", {"params": params, "spec": "x\x1b[31m"})
    if params.startswith('{"'):
        with pytest.raises(WeightsError, match="is of a network that can't be"):
            net.load_weights(tmp_path / "w.safetensors")
    else:
        assert net.load_weights(tmp_path / "w.safetensors").report.ok
