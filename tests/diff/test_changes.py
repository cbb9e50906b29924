"""Each kind of change, told as what it is and as nothing else."""

from __future__ import annotations

import re

from archc.backends.difference import Difference
from archc.graph.comparison import Change, Comparison
from tests.diff.conftest import Compare

BASE = """
blocks:
  unit(width, kernel=3):
    conv: conv(width, kernel, padding=kernel // 2, bias=False)
    bn: batch_norm
    sum <- bn, x: add
    relu: relu
body:
  stem: conv(8, 3, padding=1)
  layer1:
    - unit(8)
    - unit(8)
head:
  pool: global_avg_pool
  flatten: flatten
  drop: dropout(0.5)
  fc: linear(10)
"""


def told(comparison: Comparison) -> list[tuple[str, str | None, str | None]]:
    return [(c.kind, c.a and c.a.path, c.b and c.b.path) for c in comparison.changes]


def only(comparison: Comparison) -> Change:
    (change,) = comparison.changes
    return change


def test_nothing(compare: Compare) -> None:
    comparison = compare(BASE, BASE)
    assert comparison.same and not comparison.changes and comparison.weights.complete


def test_another_way_to_write_it_is_no_difference(compare: Compare) -> None:
    written_out = BASE.replace("    - unit(8)\n    - unit(8)\n", "    for i in range(2): unit(4 * 2)\n")
    assert written_out != BASE and compare(BASE, written_out).same


def test_a_block_at_the_end_of_a_list(compare: Compare) -> None:
    comparison = compare(BASE, BASE.replace("    - unit(8)\n", "    - unit(8)\n    - unit(8)\n", 1))
    assert told(comparison) == [("added", None, "layer1.2")]
    assert comparison.spent(only(comparison)) == ((0, 0), (8 * 8 * 9 + 16, 8 * 8 * 9 * 64))


def test_a_layer_taken_out_of_a_chain_rewires_nothing(compare: Compare) -> None:
    comparison = compare(BASE, BASE.replace("  drop: dropout(0.5)\n", ""))
    assert told(comparison) == [("removed", "drop", None)]
    assert comparison.weights.complete and not comparison.same


def test_arguments(compare: Compare) -> None:
    change = only(compare(BASE, BASE.replace("conv(8, 3, padding=1)", "conv(8, 5, padding=2)")))
    assert (change.kind, change.path) == ("changed", "stem")
    assert change.arguments == {"kernel_size": ((3, 3), (5, 5)), "padding": ((1, 1), (2, 2))}


def test_another_op(compare: Compare) -> None:
    comparison = compare(BASE, BASE.replace("relu: relu", "relu: silu"))
    assert told(comparison) == [("replaced", f"layer1.{i}.relu", f"layer1.{i}.relu") for i in range(2)]


def test_other_inputs(compare: Compare) -> None:
    wired = BASE.replace("sum <- bn, x: add", "sum <- bn, conv: add")
    changes = compare(BASE, wired).changes
    assert [(c.kind, c.path) for c in changes] == [("rewired", "layer1.0.sum"), ("rewired", "layer1.1.sum")]
    assert changes[0].reads is not None
    assert [t.producer and t.producer.path for side in changes[0].reads for t in side] == ["stem", "layer1.0.conv"]


def test_inputs_in_another_order(compare: Compare) -> None:
    changes = compare(BASE, BASE.replace("sum <- bn, x: add", "sum <- x, bn: add")).changes
    assert [c.kind for c in changes] == ["rewired", "rewired"]


def test_a_container_that_gives_another_of_its_children(compare: Compare) -> None:
    a = "body:\n  part:\n    a: conv(4, 1)\n    b: relu\n  end: conv(2, 1)\n"
    b = "body:\n  part:\n    b: relu\n    a <- x: conv(4, 1)\n    c <- a: identity\n  end: conv(2, 1)\n"
    comparison = compare(a, b)
    assert ("rewired", "part", "part") in told(comparison)
    assert "end" not in [c.path for c in comparison.changes if c.kind == "rewired"]


def test_what_follows_from_more_channels_is_no_change_of_its_own(compare: Compare) -> None:
    comparison = compare(BASE, BASE.replace("unit(8)", "unit(12)").replace("conv(8, 3", "conv(12, 3"))
    kinds = {c.path: c.kind for c in comparison.changes}
    assert [p for p, k in kinds.items() if k == "changed"] == ["stem", "layer1.0.conv", "layer1.1.conv"]
    assert kinds["layer1.0.bn"] == kinds["fc"] == kinds["pool"] == "reshaped"


def test_one_layer_that_becomes_a_container(compare: Compare) -> None:
    stem = "stem:\n    conv: conv(8, 3, padding=1)\n    relu: relu"
    comparison = compare(BASE, BASE.replace("stem: conv(8, 3, padding=1)", stem))
    assert told(comparison) == [("replaced", "stem", "stem")]


def test_a_renamed_container_is_one_change(compare: Compare) -> None:
    comparison = compare(BASE, BASE.replace("layer1:", "stage1:"))
    assert told(comparison) == [("renamed", "layer1", "stage1")]
    assert [p.b.key for p in comparison.weights.renamed] == [e.key for e in comparison.weights.fresh]


def test_a_container_renamed_and_edited(compare: Compare) -> None:
    edited = BASE.replace("layer1:", "stage1:").replace("    - unit(8)\n", "    - unit(8, 5)\n", 1)
    comparison = compare(BASE, edited)
    assert told(comparison) == [
        ("renamed", "layer1", "stage1"),
        ("changed", "layer1.0.conv", "stage1.0.conv"),
    ]
    assert "stage1.0.conv.weight" not in [p.b.key for p in comparison.weights.renamed]


def test_a_network_that_becomes_a_part_of_another(compare: Compare) -> None:
    body = BASE.index("body:")
    lines = BASE[body:].replace("head:\n", "").splitlines()[1:]
    wrapped = BASE[:body] + "body:\n  backbone:\n" + "\n".join(f"  {line}" for line in lines) + "\n"
    comparison = compare(BASE, wrapped)
    moved = [(a, b) for kind, a, b in told(comparison) if kind == "renamed"]
    assert moved == [(name, f"backbone.{name}") for name in ("stem", "layer1", "fc")]
    assert len(comparison.weights.renamed) == len(comparison.weights.b)
    assert len(compare(wrapped, BASE).weights.renamed) == len(comparison.weights.b)


LIST = "body:\n  features:\n    - conv(8, 3, padding=1)\n    - relu\n    - conv(8, 3, padding=1)\n    - relu\n"


def test_a_layer_put_into_a_list_moves_the_numbers_after_it(compare: Compare) -> None:
    comparison = compare(LIST, LIST.replace("    - relu\n", "    - batch_norm\n    - relu\n", 1))
    assert told(comparison) == [
        ("added", None, "features.1"),
        ("renamed", "features.1", "features.2"),
        ("renamed", "features.2", "features.3"),
        ("renamed", "features.3", "features.4"),
    ]
    assert [(p.a.key, p.b.key) for p in comparison.weights.renamed] == [
        ("features.2.weight", "features.3.weight"),
        ("features.2.bias", "features.3.bias"),
    ]


def test_weights_that_fit_by_chance_are_told_apart(compare: Compare) -> None:
    a = "body:\n  features:\n    - conv(3, 1)\n    - tanh\n    - conv(3, 1)\n    - relu\n"
    b = a.replace("features:\n", "features:\n    - conv(3, 1)\n    - sigmoid\n")
    weights = compare(a, b).weights
    assert [p.b.key for p in weights.carried] == [f"features.{i}.{w}" for i in (0, 2) for w in ("weight", "bias")]
    assert [p.b.key for p in weights.displaced] == ["features.2.weight", "features.2.bias"]
    assert [e.key for e in weights.fresh] == ["features.4.weight", "features.4.bias"]
    assert [(p.a.key, p.b.key) for p in weights.renamed] == [
        (f"features.2.{w}", f"features.4.{w}") for w in ("weight", "bias")
    ]
    assert not weights.complete


def test_outputs_and_inputs(compare: Compare) -> None:
    a = "input: [3, 8, 8]\nbody:\n  a: conv(4, 1)\n  b: conv(4, 1)\noutputs: {y: b}\n"
    b = "input: [3, 6, 6]\nbody:\n  a: conv(4, 1)\n  b: conv(4, 1)\noutputs: {y: b, z: a}\n"
    comparison = compare(a, b)
    assert (comparison.inputs, comparison.outputs) == (["x"], ["y", "z"])
    elsewhere = compare(a, a.replace("y: b", "y: a").replace("body", "train_outputs: {y: b}\nbody"))
    assert (elsewhere.inputs, elsewhere.outputs) == ([], ["y"])


def test_inputs_that_changed_places(compare: Compare) -> None:
    a = "input: {a: [3, 8, 8], b: [3, 8, 8], c: [3, 8, 8]}\nbody:\n  s <- a, b, c: concat\n"
    b = a.replace("a: [3, 8, 8], b: [3, 8, 8]", "b: [3, 8, 8], a: [3, 8, 8]")
    comparison = compare(a, b)
    assert comparison.inputs == ["a", "b"] and not comparison.changes and not comparison.same
    assert re.search(r"input a .* other place", Difference("a", "b", [comparison]).text())
    one_less = compare(a, "input: {b: [3, 8, 8], c: [3, 8, 8]}\nbody:\n  s <- b, c: concat\n")
    assert one_less.inputs == ["a"]


def test_what_is_declared_beside_the_structure(compare: Compare) -> None:
    told_more = BASE + "init: {linear: zeros}\npreprocess: {range: [0, 1]}\nlabels: [a, b, c, d, e, f, g, h, i, j]\n"
    comparison = compare(BASE, told_more)
    assert comparison.declared == ["init", "preprocess", "labels"]
    assert not comparison.changes and comparison.weights.complete and not comparison.same


def test_another_order_of_the_state_dict(compare: Compare) -> None:
    a = "body:\n  a: conv(3, 1)\n  b <- x: conv(3, 1)\n  sum <- a, b: add\n"
    b = "body:\n  b: conv(3, 1)\n  a <- x: conv(3, 1)\n  sum <- a, b: add\n"
    comparison = compare(a, b)
    assert comparison.weights.complete and comparison.weights.reordered
    assert not comparison.changes and not comparison.same


def test_an_empty_child_that_fills_rewires_nothing(compare: Compare) -> None:
    text = """
    blocks:
      unit(width):
        conv: conv(width, 3, padding=1)
        short <- x:
          if width != x.channels: conv(width, 1)
        sum <- conv, short: add
    body:
      stem: conv(8, 1)
      part: unit(8)
    """
    comparison = compare(text, text.replace("unit(8)", "unit(6)"))
    assert [(c.kind, c.path) for c in comparison.changes] == [
        ("changed", "part.conv"),
        ("added", "part.short"),
        ("reshaped", "part.sum"),
    ]
