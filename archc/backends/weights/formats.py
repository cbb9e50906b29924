"""What a file of weights would load into a network, as text with a table of counts, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from pathlib import Path

from archc.backends.weights.fit import Report, described, key_text
from archc.backends.weights.loading import Loaded
from archc.display.paths import fold
from archc.display.tables import aligned

FIRST = 10  # lines of each kind that are shown
Kind = tuple[str, str, Sequence[str]]  # of keys: its name, what it means, and the keys


def kinds(report: Report) -> list[Kind]:
    """The keys of the network, each in one kind; then those of the file that are in none."""
    return [
        ("loaded", "", report.loaded),
        ("counters", "the file counts no batches: they are 0", report.counters),
        ("fresh", "of another number of classes: they start fresh", report.fresh),
        ("missing", "the network has them, and the file has not", report.missing),
        ("mismatched", "of another shape or type", [m.key for m in report.mismatched]),
        ("unexpected", "the file has them, and the network has not", report.unexpected),
        ("dropped", "the file has them, and may be loaded without", report.dropped),
    ]


def as_text(loaded: Loaded, takes: bool, written: Path | None, *, whole: bool = False) -> str:
    """Counts, then the keys that do not load, folded to what holds them; with ``whole`` each key of each kind."""
    report, name = loaded.report, _name(loaded)
    lines = [f"{loaded.tensors.source} · {name} ({loaded.graph.spec_name})"]
    lines += [f"  {line}" for line in (*map(str, report.params), *report.notes)]
    lines += ["", *_counts(loaded)]
    for kind, meaning, keys in kinds(report):
        if keys and (kind != "loaded" or whole):
            lines += ["", f"{kind}{f': {meaning}' if meaning else ''}", *_keys(kind, keys, loaded, whole=whole)]
    if report.made is not None and not report.made.same:
        first, *rest = report.made.differs(name, fits=report.fits)
        lines += ["", f"the file {first}", *rest]
    lines += ["", _verdict(loaded, takes)]
    return "\n".join(lines + ([f"{written}  {written.stat().st_size:,} bytes"] if written else []))


def _name(loaded: Loaded) -> str:
    return loaded.graph.variant or loaded.graph.name


def _counts(loaded: Loaded) -> list[str]:
    rows = [("", "tensors", "numbers")]
    for kind, _, keys in kinds(loaded.report):
        if keys or kind in ("loaded", "missing", "mismatched", "unexpected"):
            rows.append((kind, f"{len(keys):,}", f"{sum(prod(_shape(key, loaded)) for key in keys):,}"))
        if kind == "loaded" and loaded.report.renamed:
            rows.append(("  renamed", f"{len(loaded.report.renamed):,}", ""))
    return [f" {line}" for line in aligned(rows, "<>>")]


def _shape(key: str, loaded: Loaded) -> tuple[int, ...]:
    """Of the network's tensor, or of the file's where the network has none."""
    weight = loaded.weights.get(key)
    return weight.shape if weight is not None else loaded.tensors.stored[loaded.origins[key]].shape


def _keys(kind: str, keys: Sequence[str], loaded: Loaded, *, whole: bool) -> Iterator[str]:
    remarks = _remarks(kind, loaded)
    expected = {m.key: m.expected for m in loaded.report.mismatched}
    universe = loaded.origins if kind in ("unexpected", "dropped") else loaded.weights
    folded = [(key, 1) for key in keys] if whole or remarks else list(fold(keys, universe))
    shown = folded if whole else folded[:FIRST]
    rows: list[tuple[str, str]] = []
    for key, number in shown:
        what = f"{number} tensors" if number > 1 else expected.get(key) or described(_shape(key, loaded), False)
        rows.append((key_text(key), what + remarks.get(key, "")))
    yield from (f"  {line}" for line in aligned(rows, "<<"))
    if len(folded) > len(shown):
        yield f"  … and {len(folded) - len(shown)} more (--all)"


def _remarks(kind: str, loaded: Loaded) -> Mapping[str, str]:
    """What is to be said of keys beside their shapes."""
    if kind == "loaded":
        return {new: f" · from {key_text(of)}" for of, new in loaded.report.renamed.items()}
    if kind == "mismatched":
        return {m.key: f" · the file's is {m.found}" for m in loaded.report.mismatched}
    if kind == "fresh":
        stored = loaded.tensors.stored
        return {
            key: f" · the file's is {described(stored[loaded.origins[key]].shape, False)}"
            for key in loaded.report.fresh
        }
    return {}


def _verdict(loaded: Loaded, takes: bool) -> str:
    report = loaded.report
    if takes and report.fits:
        parts = [] if report.ok else ["into another network than it was made from"]
        parts += [report.fresh_start(loaded.seed)] if report.fresh else []
        return "; ".join(["it loads", *parts])
    if takes:
        left = len(report.started)
        return f"it loads in part: {len(report.loaded)} of {report.expected}; {left} start fresh (seed {loaded.seed})"
    if not report.loaded:
        return "it does not load: none of its tensors fits"
    advice = f"help: {report.help}\n" if report.help else ""
    partial = "" if report.fits else "; --partial takes the part that fits"
    return f"{advice}it does not load{partial}"


def as_json(loaded: Loaded, takes: bool, written: Path | None) -> str:
    """The same for programs. Keys of ``counts`` are the kinds; ``missing`` and the like map keys to shapes."""
    report = loaded.report
    data = {
        "file": loaded.tensors.source,
        "network": _name(loaded),
        "spec": loaded.graph.spec_name,
        "loads": takes,
        "strictly": report.ok,
        "counts": {kind: len(keys) for kind, _, keys in kinds(report)} | {"renamed": len(report.renamed)},
        "params": [{"name": p.name, "value": p.value, "why": p.why} for p in report.params],
        "notes": list(report.notes),
        "renamed": dict(report.renamed),
        **{kind: _shapes(keys, loaded) for kind, _, keys in kinds(report)},
        "mismatched": [{"key": m.key, "network": m.expected, "file": m.found} for m in report.mismatched],
        "made": None if report.made is None else {"spec": report.made.spec, "same_structure": report.made.same},
        "seed": loaded.seed,
        "written": None if written is None else str(written),
    }
    return json.dumps(data, indent=2, ensure_ascii=False)


def _shapes(keys: Iterable[str], loaded: Loaded) -> Mapping[str, list[int]]:
    return {key: list(_shape(key, loaded)) for key in keys}
