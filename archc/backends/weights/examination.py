"""What a file of weights is of a network: its names and what its layout says are brought together with the graph's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from archc.backends.weights.checkpoint import COUNT
from archc.backends.weights.fit import Implied, Made, Report, match, setting
from archc.backends.weights.metadata import Metadata
from archc.backends.weights.tensors import Tensors, WeightsError
from archc.diagnostics.diagnostic import CompileError, RequestError
from archc.display.text import clean
from archc.graph.graph import Graph
from archc.graph.structure import structure_hash
from archc.ops.base import Weight

WRAPPERS = ("module.", "_orig_mod.", "model.")  # DataParallel and AveragedModel, torch.compile, Lightning
_MOST_WRAPPERS = 8  # around one another
CLASSES = "num_classes"

Recompile = Callable[[Mapping[str, Any]], Graph]


class Examination:
    """One file on its way to a report.

    ``keys`` maps the names that its tensors have by now to those that they have in the file; ``graph`` is the network,
    that of the file where its parameters are to be read off the file, and ``changes`` are these.
    """

    def __init__(self, graph: Graph, tensors: Tensors, given: Mapping[str, Any], recompile: Recompile | None) -> None:
        self.graph, self.tensors, self.given, self.recompile = graph, tensors, given, recompile
        self.keys: dict[str, str] = {key: key for key in tensors}
        self.metadata = Metadata(tensors.metadata)
        self.notes = list(tensors.notes)
        self.renamed: dict[str, str] = {}
        self.implied: dict[str, Implied] = {}
        self._unwrap()
        self._apply_rules()
        self._read_params()
        self.changes = self._change()
        self.report = self._report()

    def _unwrap(self) -> None:
        """Take the prefixes of wrappers away, where most keys have one and none of the network's has."""
        own = [entry.key for entry in self.graph.state]
        for _ in range(_MOST_WRAPPERS):
            prefix = next((p for p in WRAPPERS if self._wrapped(p, own)), None)
            if prefix is None:
                return
            self.keys = {k.removeprefix(prefix): v for k, v in self.keys.items()}
            self.notes.append(f"the prefix `{prefix}` is left out")
            if prefix == WRAPPERS[0] and self.keys.pop(COUNT, None):
                self.notes.append("these are averaged weights (AveragedModel)")

    def _wrapped(self, prefix: str, own: list[str]) -> bool:
        under = [key for key in self.keys if key.startswith(prefix)]
        clash = any(key.removeprefix(prefix) in self.keys for key in under)
        return 2 * len(under) > len(self.keys) and not clash and not any(key.startswith(prefix) for key in own)

    def _apply_rules(self) -> None:
        """What the spec says of its family's files: rules in order, each on the names that those before it left."""
        self.drops = [rule for rule in self.graph.weight_rules if rule.drop]
        for rule in self.graph.weight_rules:
            shapes = {key: self.tensors.stored[of].shape for key, of in self.keys.items()}
            if not rule.applies(self.tensors.name, shapes):
                self.drops = [r for r in self.drops if r is not rule]
                continue
            for key, of in list(self.keys.items()):
                new = rule.renamed(key)
                if new != key and new not in self.keys:
                    self.keys[new] = self.keys.pop(key)
                    self.renamed[of] = new
            for name, value in rule.params.items():
                self.implied[name] = Implied(name, value, f"{rule.why} ({rule.place})")

    def _read_params(self) -> None:
        """What archc itself wrote of the network goes before what a file looks like."""
        made = self.metadata.params
        for name in {name for rule in self.graph.weight_rules for name in rule.params}:
            if name in made:
                self.implied[name] = Implied(name, made[name], f"it was written so, from {self.metadata.spec}")
        for name in [n for n in self.implied if n in self.given]:
            implied = self.implied.pop(name)
            if implied.value != self.given[name]:
                self.notes.append(f"{name}={setting(self.given[name])}, as asked; the file is of {implied}")

    def _change(self) -> Mapping[str, Any]:
        """Compile the network that the file is of; parameters that change nothing are not spoken of."""
        changes: dict[str, Any] = {}
        for name, implied in list(self.implied.items()):
            if self.recompile is not None and self.graph.params.get(name) != implied.value:
                graph = self._compiled({**changes, name: implied.value})
                if structure_hash(graph) != structure_hash(self.graph):
                    self.graph = graph
                    changes[name] = implied.value
        self.implied = {name: self.implied[name] for name in changes}
        return changes

    def _compiled(self, changes: Mapping[str, Any]) -> Graph:
        assert self.recompile is not None
        try:
            return self.recompile(changes)
        except (CompileError, RequestError) as e:
            given = ", ".join(f"{name}={clean(setting(value), 80)}" for name, value in changes.items())
            raise WeightsError(f"{self.tensors.source} is of a network that can't be: {given}: {e}") from None

    def _report(self) -> Report:
        stored = {key: self.tensors.stored[of] for key, of in self.keys.items()}
        report = match(self.graph, Tensors(self.tensors.source, stored))
        report = self._classes(self._counters(self._dropped(report)))
        return replace(
            report, renamed={of: new for of, new in self.renamed.items() if new in report.loaded},
            params=tuple(self.implied.values()), notes=tuple(self.notes), made=self._made(report),
        )  # fmt: skip

    def _dropped(self, report: Report) -> Report:
        dropped = tuple(key for key in report.unexpected if any(rule.drops(key) for rule in self.drops))
        return replace(report, dropped=dropped, unexpected=tuple(k for k in report.unexpected if k not in dropped))

    def _counters(self, report: Report) -> Report:
        """PyTorch before 0.4.1 did not count batches: where a file has no such number, all are 0."""
        counters = {entry.key for entry in self.graph.state if _counts(entry.weight)}
        if not counters or not report.loaded or not counters.issubset(report.missing):
            return report
        missing = tuple(key for key in report.missing if key not in counters)
        return replace(report, missing=missing, counters=tuple(k for k in report.missing if k in counters))

    def _classes(self, report: Report) -> Report:
        """Whether the tensors that do not fit are those of a network with the file's number of classes."""
        number = self._file_classes(report)
        if number is None:
            return report
        there, ours = self._shapes(number), self.graph.params[CLASSES]
        explained = {m.key for m in report.mismatched if there.get(m.key) == self._shape(m.key)}
        if len(explained) < len(report.mismatched):
            return report
        if CLASSES not in self.given:
            hint = f"the file is of {number} classes: --set {CLASSES}={number} takes them; --set {CLASSES}={ours} keeps"
            return replace(report, help=f"{hint} {ours}, and the layers that differ start fresh")
        return replace(report, mismatched=(), fresh=tuple(m.key for m in report.mismatched), classes=(number, ours))

    def _file_classes(self, report: Report) -> int | None:
        """The size that the file has where the network has its number of classes."""
        classes = self.graph.params.get(CLASSES)
        if not isinstance(classes, int) or self.recompile is None:
            return None
        weights = {entry.key: entry.weight for entry in self.graph.state}
        sizes = Counter(
            size
            for m in report.mismatched
            if len(self._shape(m.key)) == len(weights[m.key].shape)
            for size, own in zip(self._shape(m.key), weights[m.key].shape, strict=True)
            if own == classes != size
        )
        return sizes.most_common(1)[0][0] if sizes else None

    def _shape(self, key: str) -> tuple[int, ...]:
        return self.tensors.stored[self.keys[key]].shape

    def _shapes(self, classes: int) -> dict[str, tuple[int, ...]]:
        """The shapes of the network's weights with another number of classes."""
        try:
            graph = self._compiled({**self.changes, CLASSES: classes})
        except WeightsError:
            return {}
        return {entry.key: entry.weight.shape for entry in graph.state}

    def _made(self, report: Report) -> Made | None:
        """The network that archc wrote the file from, against this one."""
        made, params = self.metadata.structure, self.metadata.params
        if made is None:
            return None
        same = made == structure_hash(self.graph) or made == self._as_made(params, report)
        ours = self.graph.params
        changed = {key: (value, ours[key]) for key, value in params.items() if key in ours and ours[key] != value}
        return Made(self.metadata.spec, same, self.metadata.is_of(self.graph), {} if same else changed)

    def _as_made(self, params: Mapping[str, Any], report: Report) -> str | None:
        """The structure of this network with those parameters of the file's that are known not to matter.

        These are the ones that rules speak of, and the number of classes where the caller asked for another.
        """
        free: set[str] = {name for rule in self.graph.weight_rules for name in rule.params}
        if report.fresh:
            free.add(CLASSES)
        changes = {name: params[name] for name in sorted(free) if name in params}
        return structure_hash(self._compiled({**self.changes, **changes})) if changes and self.recompile else None


def _counts(weight: Weight) -> bool:
    return weight.buffer and weight.dtype == "int64"
