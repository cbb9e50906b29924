"""A comparison as a heading and three tables of text: totals, structure, weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from archc.backends.difference import weights
from archc.backends.difference.rows import Row, rows
from archc.backends.spec_text import value_text
from archc.backends.table.columns import NONE
from archc.display.numbers import binary, decimal, exact
from archc.display.text import clean
from archc.graph.comparison import Comparison
from archc.graph.graph import Graph, Tensor

BEFORE, AFTER = "A", "B"


@dataclass(frozen=True, slots=True)
class Line:
    """The cells of one row; ``sign`` says whether something came, went or changed."""

    cells: Sequence[str]
    sign: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A table under a title. ``align`` has a sign for each column; ``signed`` says that lines lead with their signs."""

    title: str
    header: Sequence[str]
    align: str
    lines: Sequence[Line]
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """A total that is compared: its name for programs and for people, its value, and how it is written."""

    name: str
    title: str
    of: Callable[[Comparison, int], int]
    text: Callable[[int], str]


def _total(name: str) -> Callable[[Comparison, int], int]:
    return lambda comparison, side: getattr(comparison.costs[side].total, name)


FIGURES = (
    Figure("params", "parameters", _total("params"), exact),
    Figure("macs", "MACs", _total("macs"), decimal),
    Figure("flops", "FLOPs", _total("flops"), decimal),
    Figure("activations", "activations", _total("activations"), exact),
    Figure("param_bytes", "parameters as fp32", _total("param_bytes"), binary),
    Figure("peak_activation_bytes", "peak memory of inference", _total("peak_activation_bytes"), binary),
    Figure("saved_for_backward_bytes", "saved for backward", _total("saved_for_backward_bytes"), binary),
    Figure("keys", "state_dict entries", lambda c, side: len((c.a, c.b)[side].state), exact),
    Figure("layers", "layers", lambda c, side: len((c.a, c.b)[side].nodes), exact),
)


def title(comparison: Comparison) -> str:
    """Both specs."""
    return f"{clean(comparison.a.spec_name)} → {clean(comparison.b.spec_name)}"


def subtitle(comparison: Comparison) -> str:
    """What they are, and how it is counted."""
    names = dict.fromkeys(clean(g.title) for g in (comparison.a, comparison.b))
    return f"{' → '.join(names)} · eval · batch 1 · MACs: multiply-adds of conv and linear; FLOPs = 2 × MACs"


def verdict(comparison: Comparison) -> str:
    """What comes of it for who has weights of A."""
    carried = weights.verdict(comparison.weights, comparison.match)
    return f"the same network: {carried}" if comparison.same else carried


def notes(comparison: Comparison) -> list[str]:
    """What else differs, or is to be known."""
    if comparison.same:
        return []
    a, b = comparison.a, comparison.b
    found = [f"params of the spec: {said}" for said in [_settings(a.params, b.params)] if said]
    if "init" in comparison.declared:
        found.append("init: other rules")
    if "preprocess" in comparison.declared:
        found.append(f"preprocess: {_settings(_flat(a.preprocess), _flat(b.preprocess))}")
    if "labels" in comparison.declared:
        found.append("labels: other names")
    if comparison.weights.reordered:
        found.append("the state_dict has another order: an optimizer's state, kept by position, does not carry over")
    return [clean(note) for note in found]


def _settings(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    """``width 64 → 96, depth none → 3``: those that differ."""
    changed = [n for n in {**a, **b} if a.get(n, _ABSENT) != b.get(n, _ABSENT)]
    return ", ".join(f"{n} {_setting(a, n)} → {_setting(b, n)}" for n in changed)


def _flat(values: Mapping[str, Any], start: str = "") -> dict[str, Any]:
    """Mappings within as names with dots."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        inner = cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else None
        found |= {f"{start}{name}": value} if inner is None else _flat(inner, f"{start}{name}.")
    return found


_ABSENT = object()


def _setting(values: Mapping[str, Any], name: str) -> str:
    return value_text(values[name]) if name in values else "none"


def sections(comparison: Comparison, unfold: bool) -> list[Section]:
    """The tables that have something to say."""
    found: list[Section] = []
    totals = _totals(comparison)
    if any(line.sign for line in totals.lines):
        found.append(totals)
    if shown := rows(comparison, unfold):
        found.append(_structure(shown))
    if not comparison.weights.complete or comparison.weights.dropped:
        lines = weights.lines(comparison.weights, comparison.match)
        cells = [Line((what, exact(tensors), exact(numbers), clean(which))) for what, tensors, numbers, which in lines]
        found.append(Section("weights", ("", "tensors", "numbers", ""), "<>><", cells))
    return found


def overview(compared: Sequence[Comparison], added: Sequence[str], removed: Sequence[str]) -> Section:
    """What became of each variant of two files."""
    lines = [Line((clean(name), "is no longer there", NONE, NONE), "−") for name in removed]
    for comparison in compared:
        totals = [difference(f.of(comparison, 0), f.of(comparison, 1), f.text) for f in FIGURES[:2]]
        sign = " " if comparison.same else "~"
        lines.append(Line((clean(comparison.b.variant), verdict(comparison), *totals), sign))
    lines += [Line((clean(name), "is new", NONE, NONE), "+") for name in added]
    return Section("variants", ("variant", "", "params", "MACs"), "<<>>", lines, signed=True)


def _totals(comparison: Comparison) -> Section:
    lines: list[Line] = []
    for figure in FIGURES:
        a, b = figure.of(comparison, 0), figure.of(comparison, 1)
        cells = (figure.title, figure.text(a), figure.text(b), difference(a, b, figure.text), percent(a, b))
        lines.append(Line(cells, "~" if a != b else ""))
    for noun, ours, theirs in (
        ("input", comparison.a.inputs, comparison.b.inputs),
        ("output", comparison.a.outputs, comparison.b.outputs),
        ("train output", _train(comparison.a), _train(comparison.b)),
    ):
        lines += _shapes(noun, ours, theirs, comparison.outputs if "output" in noun else comparison.inputs)
    return Section("", ("", BEFORE, AFTER, "difference", "%"), "<>>>>", lines)


def _train(graph: Graph) -> dict[str, Tensor]:
    return {} if graph.train_outputs is graph.outputs else graph.train_outputs


def _shapes(noun: str, a: dict[str, Tensor], b: dict[str, Tensor], changed: Sequence[str]) -> list[Line]:
    found: list[Line] = []
    for name in {**a, **b}:
        ours, theirs = (str(t[name].shape) if name in t else NONE for t in (a, b))
        word = NONE
        if name in changed:
            word = "new" if name not in a else "gone" if name not in b else "other shape"
            word = ("other place" if noun == "input" else "other layer") if ours == theirs else word
        found.append(Line((f"{noun} {name}", ours, theirs, word, ""), "~" if name in changed else ""))
    return found


def _structure(shown: Sequence[Row]) -> Section:
    lines = [
        Line((row.path, row.text, difference(0, row.params, exact), difference(0, row.macs, decimal)), row.sign)
        for row in shown
    ]
    return Section("structure", ("layer", "change", "params", "MACs"), "<<>>", lines, signed=True)


def difference(a: int, b: int, text: Callable[[int], str]) -> str:
    """``+1,234``, ``−1.850 G``, or a dot."""
    return NONE if a == b else f"{'+' if b > a else '−'}{text(abs(b - a))}"


def percent(a: int, b: int) -> str:
    """Of A, signed."""
    if a == b or not a:
        return NONE
    share = 100 * (b - a) / a
    return f"{'+' if share > 0 else '−'}{abs(share):,.1f}" if abs(share) >= 0.05 else "<0.1"


def summary(comparison: Comparison) -> str:
    """How many changes of structure there are: ``3 added, 1 changed``."""
    kinds = [c.kind for c in comparison.changes]
    added, removed, follow = (kinds.count(k) for k in ("added", "removed", "reshaped"))
    other = len(kinds) - added - removed - follow
    parts = [(added, "added"), (removed, "removed"), (other, "changed"), (follow, "with other shapes")]
    return ", ".join(f"{n:,} {word}" for n, word in parts if n) or "no change"
