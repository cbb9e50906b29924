"""Tables as people and programs read them."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import archc
from archc.backends.table import COLUMNS, FORMATS, Table, TableError
from archc.graph.graph import Graph
from tests.conftest import Golden
from tests.support.builder import Builder
from tests.table.networks import auxiliary, resnet50, two_inputs, unet

GOLDENS = Path(__file__).parent / "goldens"


def googlenet() -> Graph:
    return archc.compile("googlenet").graph


ALL = [
    "path", "op", "inputs", "output", "params", "params%", "macs", "macs%", "flops", "activations", "memory",
    "saved", "kernel", "stride", "padding", "receptive_field", "total_stride",
]  # fmt: skip
TABLES: dict[str, tuple[Callable[[], Graph], dict[str, Any]]] = {
    "resnet50": (resnet50, {}),
    "resnet50-depth-3": (resnet50, {"depth": 3}),
    "resnet50-unfolded": (resnet50, {"depth": 2, "unfold": True}),
    "resnet50-batch-8": (resnet50, {"batch": 8}),
    "googlenet-train": (googlenet, {"mode": "train"}),
    "googlenet-eval-depth-2": (googlenet, {"depth": 2}),
    "unet": (unet, {}),
    "unet-depth-3-all-columns": (unet, {"depth": 3, "columns": ALL}),
    "two-inputs": (two_inputs, {"depth": 2}),
    "auxiliary": (auxiliary, {}),
    "auxiliary-train": (auxiliary, {"mode": "train", "depth": 2}),
}


@pytest.fixture(params=TABLES, scope="module")
def named(request: pytest.FixtureRequest) -> tuple[str, Table]:
    make, options = TABLES[request.param]
    return request.param, Table(make(), **options)


def test_text_is_its_golden(named: tuple[str, Table], golden: Golden) -> None:
    name, table = named
    golden(GOLDENS / f"{name}.txt", table.text())


@pytest.mark.parametrize("name", ["resnet50", "two-inputs"])
@pytest.mark.parametrize("form", ["markdown", "csv", "json", "html"])
def test_other_formats_are_their_goldens(name: str, form: str, golden: Golden) -> None:
    make, options = TABLES[name]
    table = Table(make(), **options)
    text = table._repr_html_() + "\n" if form == "html" else table.render(form)
    golden(GOLDENS / f"{name}.{ {'markdown': 'md'}.get(form, form) }", text)


def test_rows_add_up_to_the_totals(named: tuple[str, Table]) -> None:
    table = named[1]
    closed = [row for row in table.rows if row.kind != "section" and not row.opened]
    for figure in ("params", "macs", "activations"):
        assert sum(getattr(row, figure) * row.folds for row in closed) == getattr(table.cost.total, figure)


def test_memory_of_the_rows_is_that_of_the_network() -> None:
    for graph in (resnet50(), auxiliary()):
        table = Table(graph, mode="train", depth=1)
        rows = [row for row in table.rows if row.kind != "section"]
        assert sum(row.saved for row in rows) == table.cost.total.saved_for_backward_bytes
        assert max(row.memory for row in rows) == table.cost.total.peak_activation_bytes


def test_a_container_is_the_sum_of_what_is_in_it(named: tuple[str, Table]) -> None:
    rows = [row for row in named[1].rows if row.kind != "section"]
    for place, row in enumerate(rows):
        if row.opened:
            below = rows[place + 1 :]
            end = next((i for i, r in enumerate(below) if r.level <= row.level), len(below))
            children = [r for r in below[:end] if r.level == row.level + 1]
            assert sum(r.params for r in children) * row.times == row.params
            assert sum(r.macs for r in children) * row.times == row.macs


def test_rows_of_json_and_csv_add_up_too(named: tuple[str, Table]) -> None:
    table = named[1]
    total = table.cost.total
    data = json.loads(Table(table.graph, mode=table.mode, batch=table.batch).json())
    rows = list(csv.DictReader(io.StringIO(table.csv())))
    assert sum(int(r["params"]) for r in rows) == sum(r["params"] for r in data["rows"]) == total.params
    assert sum(int(r["macs"]) for r in rows) == sum(r["macs"] for r in data["rows"]) == total.macs


def test_every_op_is_a_row_at_full_depth() -> None:
    graph = resnet50()
    table = Table(graph, depth=9, unfold=True)
    assert [r.path for r in table.rows if r.kind == "layer"] == [n.path for n in graph.root.nodes()]
    assert sum(r.op == "add" for r in table.rows) == 16


def test_json_keeps_its_keys_and_their_order() -> None:
    data = json.loads(Table(two_inputs()).json())
    assert list(data) == ["name", "variant", "input", "rows", "total"]
    assert data["input"] == {"image": [3, 32, 32], "depth": [1, 16, 16]}
    assert list(data["total"]) == [
        "params", "trainable_params", "macs", "flops", "activations", "param_bytes", "peak_activation_bytes",
        "saved_for_backward_bytes",
    ]  # fmt: skip
    rows = {row["path"]: row for row in data["rows"]}
    assert rows["depth_conv"] == {
        "path": "depth_conv", "op": "conv", "inputs": ["depth"], "output": [8, 16, 16], "params": 48, "macs": 10240,
        "kernel": [1, 5], "stride": [1, 1], "padding": [0, 2], "receptive_field": [1, 5],
    }  # fmt: skip
    assert rows["halves"]["output"] == [[8, 16, 16], [8, 16, 16]]
    assert rows["sum"]["inputs"] == ["gated", "halves[1]"]
    assert [rows["fc"][k] for k in ("kernel", "stride", "padding", "receptive_field")] == [None] * 4
    assert all(list(row) == list(rows["fc"]) for row in data["rows"])


def test_a_dilated_kernel_is_given_without_its_holes() -> None:
    b = Builder()
    b.add("conv", "conv", 4, 3, dilation=2)
    (row,) = Table(b.graph()).data()["rows"]
    assert (row["kernel"], row["receptive_field"]) == ([3, 3], [5, 5])


def test_equal_neighbours_fold_and_unequal_ones_do_not() -> None:
    b = Builder(input=[4, 8, 8])
    for i, kernel in enumerate([1, 1, 1, 3]):
        with b.module(f"block{i}", block="unit"):
            x = b.module_input
            y = b.add("conv", "conv", 4, kernel, padding=kernel // 2)
            b.add("sum", "add", on=[x, y])
    with b.module("block4", block="unit"):
        y = b.add("conv", "conv", 4, 3, padding=1)
        b.add("sum", "add", on=[y, y])  # wired otherwise
    b.add("left", "relu")
    b.add("right", "relu")  # equal, and no series by name
    rows = Table(b.graph()).rows
    assert [(r.name, r.label) for r in rows] == [
        ("block0 … block2", "3 × unit"),
        ("block3", "unit"),
        ("block4", "unit"),
        ("left", "relu"),
        ("right", "relu"),
    ]
    assert len(Table(b.graph(), unfold=True).rows) == 7


def test_columns_are_those_asked_for_in_their_order() -> None:
    table = Table(unet(), columns=["output", "layer", "field"])
    assert [c.name for c in table.columns] == ["output", "path", "receptive_field"]
    assert table.csv().splitlines()[:2] == ["output,path,receptive_field", "8x32x48,enc0.0,3x3"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"columns": ["parms"]}, "Did you mean `params`?"),
        ({"columns": ["zzz"]}, "There are path, op"),
        ({"columns": []}, "at least one"),
        ({"depth": 0}, "depth"),
        ({"batch": 0}, "batch"),
    ],
    ids=str,
)
def test_what_there_is_not_is_said(options: dict[str, Any], says: str) -> None:
    with pytest.raises(TableError, match=says.replace("?", r"\?")):
        Table(unet(), **options)


def test_unknown_formats_and_columns_of_json_are_refused() -> None:
    with pytest.raises(TableError, match="markdown"):
        Table(unet()).render("yaml")
    assert Table(unet()).render() == Table(unet()).text()
    with pytest.raises(TableError, match="json"):
        Table(unet(), columns=["op"]).json()
    assert list(FORMATS) == ["table", "markdown", "csv", "json"]
    assert list(COLUMNS) == ALL


def test_color_adds_escape_sequences_and_nothing_else() -> None:
    import re

    table = Table(unet())
    assert "\x1b" not in table.text()
    assert re.sub(r"\x1b\[\d+m", "", table.text(color=True)) == table.text()


def test_a_narrow_terminal_does_not_wrap() -> None:
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=40).print(Table(resnet50()), soft_wrap=True)
    assert out.getvalue().rstrip("\n") == Table(resnet50()).text().rstrip("\n")


def test_what_a_spec_says_can_act_nowhere() -> None:
    graph = replace(unet(), title="<b>\x1b[31m|*x*\nnext", source="`code` $x$", spec_name="a_b.yaml")
    table = Table(graph)
    assert "\x1b" not in table.text()
    assert table.text().splitlines()[1].startswith("input x")
    assert "\\*x\\*" in table.markdown()
    assert "<b>" not in table.markdown()
    tags: set[str] = set()
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.add(tag)  # type: ignore[method-assign]
    parser.feed(table._repr_html_())
    assert tags == {"style", "div", "table", "thead", "tbody", "tr", "th", "td"}


def test_small_and_empty_networks_have_tables() -> None:
    b = Builder("still", [3])
    b.add("same", "identity")
    assert "parameters 0" in Table(b.graph()).text()
    assert Table(b.graph()).data()["total"]["macs"] == 0


def test_a_table_imports_no_framework() -> None:
    code = """
import sys
import archc
table = archc.compile("resnet50").table(depth=3)
for text in (table.text(), table.markdown(), table.csv(), table._repr_html_()):
    assert text
heavy = {"torch", "numpy", "onnx", "rich"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_library_totals_hold_in_both_modes() -> None:
    graph = googlenet()
    assert Table(graph).cost.total.params == 13_004_888
    assert Table(graph).cost.total.macs == 1_498_376_192
    assert Table(graph, mode="train").cost.total.macs > 1_498_376_192
