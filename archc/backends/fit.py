"""Whether weights are those of a network: key by key, shape by shape, as strictly as torch's ``load_state_dict``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from archc.backends.weights import Tensors, WeightsError, tensors_of
from archc.graph.graph import Graph

SHOWN = 5  # keys of each kind that a message lists


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A tensor under the right key, of a wrong shape or type."""

    key: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"`{self.key}` is {self.found}, not {self.expected}"


@dataclass(frozen=True)
class Report:
    """How the tensors of a file compare with the state_dict of a network. ``expected`` counts the network's keys."""

    expected: int
    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[Mismatch, ...]

    @property
    def ok(self) -> bool:
        return not (self.missing or self.unexpected or self.mismatched)

    def __str__(self) -> str:
        """The differences, the first few of each kind, and what may have led to them."""
        close = {key: get_close_matches(key, self.unexpected, 1, 0.8) for key in self.missing[:SHOWN]}
        lines = [f"{len(self.loaded)} of {self.expected} weights fit"]
        lines += _listed("missing", self.missing, [f"`{k}`" + _hint(close[k]) for k in self.missing[:SHOWN]])
        lines += _listed("unexpected", self.unexpected, [f"`{k}`" for k in self.unexpected[:SHOWN]])
        lines += _listed("of another shape or type", self.mismatched, [str(m) for m in self.mismatched[:SHOWN]])
        return "\n".join([*lines, *self._help()])

    def _help(self) -> list[str]:
        for prefix in ("module.", "_orig_mod."):
            if self.unexpected and all(key.startswith(prefix) for key in self.unexpected):
                return [f"help: every key begins with `{prefix}`: save the state_dict of the module inside the wrapper"]
        heads = [m.key for m in self.mismatched]
        if heads and not self.missing and not self.unexpected and len(heads) <= 4:
            return ["help: only a few shapes differ: was the file made with other parameters (say, num_classes)?"]
        if self.missing and all(key.endswith("num_batches_tracked") for key in self.missing) and not self.unexpected:
            return ["help: the file was saved by a PyTorch before 0.4.1: load it there and save it again"]
        return []


def match(graph: Graph, tensors: Mapping[str, Any]) -> Report:
    """Compare keys, shapes and types with those of the graph's state_dict; every difference counts."""
    stored = tensors_of(tensors).stored
    entries = {entry.key: entry.weight for entry in graph.state}
    loaded: list[str] = []
    mismatched: list[Mismatch] = []
    for key, weight in entries.items():
        if key not in stored:
            continue
        expected = _described(weight.shape, weight.dtype == "int64")
        found = _described(stored[key].shape, stored[key].integer)
        if expected == found:
            loaded.append(key)
        else:
            mismatched.append(Mismatch(key, expected, found))
    missing = tuple(key for key in entries if key not in stored)
    unexpected = tuple(key for key in stored if key not in entries)
    return Report(len(entries), tuple(loaded), missing, unexpected, tuple(mismatched))


def check(graph: Graph, tensors: Tensors) -> Report:
    """As ``match``, but raises WeightsError where anything differs."""
    report = match(graph, tensors)
    if not report.ok:
        raise WeightsError(f"{tensors.source} and {graph.variant or graph.name} do not fit together: {report}")
    return report


def _described(shape: tuple[int, ...], integer: bool) -> str:
    return ("integer " if integer else "") + (" × ".join(map(str, shape)) or "scalar")


def _listed(what: str, keys: Iterable[object], shown: list[str]) -> list[str]:
    count = len(list(keys))
    if not count:
        return []
    more = [f"… and {count - len(shown)} more"] if count > len(shown) else []
    return [f"  {count} {what}:", *(f"    {line}" for line in [*shown, *more])]


def _hint(close: list[str]) -> str:
    return f" (did you mean `{close[0]}`, which the file has?)" if close else ""
