"""`expect`: each line is a result of its own, and constraints are over the values of the variant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archc.checking import check_file
from archc.compiler import SpecFile
from archc.diagnostics.collector import Collector
from archc.language.expect import Expectation, results
from archc.language.files import load

if TYPE_CHECKING:
    from conftest import Spec

NET = """
    params: {widths: [32, 64], group: 8, block: plain}
    let:
      ratios: "[w / widths[0] for w in widths]"
      deepest: max(widths)
    variants:
      rising:
      falling: {widths: [64, 32], block: conv}
    blocks:
      plain(n): conv(n, 1)
    body:
      for i, w in enumerate(widths):
        stage${i}: conv(w, 1)
      fc.out: global_avg_pool
"""


def of(spec: Spec, text: str, variant: str, expect: str) -> list[Expectation]:
    """The lines of the `expect` of a variant, tested; nothing in it may mean nothing."""
    import textwrap

    path = spec.write(
        textwrap.dedent(text) + f"expect:\n  {variant}:\n" + textwrap.indent(textwrap.dedent(expect), "    ")
    )
    file, collector = SpecFile(path, load(path)), Collector()
    tree = file.expected(variant)
    assert tree is not None
    found = results(file.compile(variant).graph, tree, collector)
    collector.check()
    return found


CONSTRAINTS = """
    constraints:
      - widths == sorted(widths)
      - len(set(ratios)) == 2
      - sum(w % group for w in widths) == 0
      - deepest <= 64 and block == plain
"""


def test_constraints_hold_of_one_variant_and_not_of_another(spec: Spec) -> None:
    assert all(line.holds for line in of(spec, NET, "rising", CONSTRAINTS))
    found = of(spec, NET, "falling", CONSTRAINTS)
    assert [(line.what, line.expected, line.found) for line in found if not line.holds] == [
        ("constraints[0]", "widths == sorted(widths)", "widths = [64, 32]"),
        ("constraints[3]", "deepest <= 64 and block == plain", "deepest = 64, block = conv"),
    ]
    assert [line.span.text for line in found] == [line.expected for line in found]


def test_a_constraint_without_names_is_false_by_itself(spec: Spec) -> None:
    (line,) = of(spec, NET, "rising", "constraints: ['1 > 2']")
    assert (line.holds, line.found) == (False, "False")


def test_every_line_is_a_result_at_its_place_in_the_order_of_the_file(spec: Spec) -> None:
    expect = """
        shape: {y: [32, 1, 1]}
        params: "< 4k"
        keys: [stage0.weight, stage1.scale]
        at:
          stage0: {macs: 6144, shape: [64, 8, 9]}
          stage1: {params: 2080}
        constraints: [group == 8]
    """
    found = of(spec, NET + "    outputs: {y: fc.out}\n", "falling", expect)
    assert [(line.what, line.holds, line.found) for line in found] == [
        ("shape y", True, "[32, 1, 1]"),
        ("params", True, "2,336"),
        ("keys[0]", True, "stage0.weight"),
        ("keys[1]", False, "not there"),
        ("at stage0 macs", False, "12,288"),
        ("at stage0 shape", False, "[64, 8, 8]"),
        ("at stage1 params", True, "2,080"),
        ("constraints[0]", True, "group = 8"),
    ]
    assert [line.span.text for line in found][3:6] == ["stage1.scale", "6144", "[64, 8, 9]"]


def test_what_does_not_hold_is_unmet(spec: Spec) -> None:
    path = spec.write(NET + "    expect: {rising: {params: 1, macs: '> 1', constraints: [group == 1]}}")
    assert [(variant, line.what) for variant, line in check_file(path).unmet] == [
        ("rising", "params"), ("rising", "constraints[0]"),
    ]  # fmt: skip
