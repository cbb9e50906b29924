"""The rules of ``init`` as code at the end of the network's ``__init__``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from archc.backends._source.expression import quoted
from archc.backends._source.formulas import Start, call_lines, fan_lines
from archc.graph.fans import FanInit
from archc.graph.graph import Entry, Graph, InitRule
from archc.ops.base import TorchModule

_INDENT = "    "


def start_lines(graph: Graph, helpers: dict[str, str]) -> list[str]:
    """Statements that give weights their start, in the order of the rules, the later of which win."""
    lines: list[str] = []
    layers: list[InitRule] = []
    for rule in graph.init:
        if rule.pattern is None:
            layers.append(rule)
            continue
        lines += _Layers(graph, layers, helpers).lines()
        layers = []
        lines += _by_key(graph, rule.pattern, rule.init)
    return lines + _Layers(graph, layers, helpers).lines()


@dataclass
class _Layers:
    """Rules by op, one after the other, in one loop over the modules."""

    graph: Graph
    rules: Sequence[InitRule]
    helpers: dict[str, str]

    def lines(self) -> list[str]:
        if not self.rules:
            return []
        self.classes = self._classes()
        by_classes: dict[tuple[str, ...], dict[str, Start]] = {}
        for op, classes in self._ops().items():
            for rule in self.rules:
                if op in rule.ops and any(e.node.op.name == op and e.name == rule.weight for e in self.graph.state):
                    by_classes.setdefault(classes, {})[rule.weight] = rule.init
        if not by_classes:
            return []
        if not self._safe():
            return self._one_by_one()
        joined: dict[str, tuple[tuple[str, ...], dict[str, Start]]] = {}
        for classes, starts in by_classes.items():
            key = repr(starts)
            joined[key] = ((*joined[key][0], *classes) if key in joined else classes), starts
        lines = ["for module in self.modules():"]
        for i, (classes, starts) in enumerate(joined.values()):
            test = classes[0] if len(classes) == 1 else f"({', '.join(classes)})"
            lines.append(f"{_INDENT}{'el' if i else ''}if isinstance(module, {test}):")
            linear = classes == ("nn.Linear",)
            fans = [line for init in starts.values() for line in fan_lines(init, "module.weight", linear=linear)]
            body = [line for weight, init in starts.items() for line in self._start(classes, weight, init)]
            lines += [2 * _INDENT + line for line in (*sorted(set(fans)), *body)]
        return lines

    def _classes(self) -> dict[str, set[str]]:
        """Torch class → ops that are written with it."""
        found: dict[str, set[str]] = {}
        for node in self.graph.nodes:
            if node.weights and "" not in node.weights:
                form = node.op.torch(*(t.shape for t in node.inputs))
                assert isinstance(form, TorchModule)
                found.setdefault(form.cls, set()).add(node.op.name)
        return found

    def _ops(self) -> dict[str, tuple[str, ...]]:
        """Op of a rule → its torch classes."""
        named = dict.fromkeys(op for rule in self.rules for op in rule.ops)
        return {op: found for op in named if (found := tuple(c for c, ops in self.classes.items() if op in ops))}

    def _safe(self) -> bool:
        """Whether ``isinstance`` picks just the layers that are meant."""
        meant = self._ops()
        for op, classes in meant.items():
            for cls in classes:
                if self.classes[cls] != {op} or any(f"({cls})" in h for h in self.helpers.values()):
                    return False
        return True

    def _start(self, classes: tuple[str, ...], weight: str, init: Start) -> list[str]:
        """The call for one weight; guarded where only some of the layers have it."""
        linear = classes == ("nn.Linear",)
        ops = {op for c in classes for op in self.classes[c]}
        layers = [n for n in self.graph.nodes if n.op.name in ops and n.weights]
        call = call_lines(init, f"module.{weight}", linear=linear)
        optional = weight == "bias" and not linear  # as PyTorch declares it
        if all(weight in n.weights for n in layers) and not optional:
            return call
        return [f"if module.{weight} is not None:", *(_INDENT + line for line in call)]

    def _one_by_one(self) -> list[str]:
        """By key, where classes don't tell the ops apart."""
        lines: list[str] = []
        for rule in self.rules:
            entries = [e for e in self.graph.state if e.node.op.name in rule.ops and e.name == rule.weight]
            if entries:
                lines += _loop_over(entries, rule.init)
        return lines


def _by_key(graph: Graph, pattern: str, init: Start) -> list[str]:
    regex = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
    entries = [e for e in graph.state if regex.fullmatch(e.key)]
    if not entries:
        return []
    test = next((t for t in _tests(pattern) if _picks(t, graph.state, entries)), None)
    alike = _alike(entries, init)
    if test is None or len(entries) == 1 or len(alike) > 1:
        return [line for group in alike for line in _loop_over(group, init)]
    buffer, name = entries[0].weight.buffer, entries[0].name
    own = not isinstance(init, FanInit) or _is_own(entries[0])
    source = "self.named_buffers()" if buffer else "self.named_parameters()"
    return [
        f"for name, weight in {source}:",
        f"{_INDENT}if {' and '.join(test)}:",
        *(2 * _INDENT + line for line in fan_lines(init, "weight" if own else _sibling(name))),
        *(2 * _INDENT + line for line in call_lines(init, "weight")),
    ]


def _alike(entries: Sequence[Entry], init: Start) -> list[list[Entry]]:
    """Parameters apart from buffers, and apart by names where they are filled by the fans of the weight beside them."""
    groups: dict[tuple[bool, str], list[Entry]] = {}
    for entry in entries:
        name = entry.name if isinstance(init, FanInit) else ""
        groups.setdefault((entry.weight.buffer, name), []).append(entry)
    return [groups[key] for key in sorted(groups)]


def _is_own(entry: Entry) -> bool:
    """Whether the fans are those of the entry itself, as ``archc.graph.initial.layer_fans`` has them."""
    return entry.name == "weight" or "weight" not in entry.node.weights


def _sibling(name: str) -> str:
    """The weight of the layer whose ``name`` has the key ``name``."""
    return f'self.get_parameter(name.removesuffix("{name}") + "weight")'


def _tests(pattern: str) -> Iterable[list[str]]:
    """Conditions on ``name`` for a pattern with one star or two outer ones."""
    first, *middle, last = pattern.split("*") if "*" in pattern else (pattern, pattern)
    test: list[str] = []
    if first:
        test.append(f"name.startswith({quoted(first)})")
    test += [f"{quoted(part)} in name" for part in middle if part]
    if last:
        test.append(f"name.endswith({quoted(last)})")
    if test:
        yield test


def _picks(test: list[str], state: Sequence[Entry], entries: list[Entry]) -> bool:
    """Whether the conditions hold for just these, among the parameters or the buffers."""

    def holds(condition: str, key: str) -> bool:
        text = condition[condition.index('"') + 1 : condition.rindex('"')]
        if condition.startswith("name.startswith"):
            return key.startswith(text)
        return key.endswith(text) if condition.startswith("name.endswith") else text in key

    alike = [e for e in state if e.weight.buffer is entries[0].weight.buffer]
    return [e for e in alike if all(holds(c, e.key) for c in test)] == entries


def _loop_over(entries: Sequence[Entry], init: Start) -> list[str]:
    """Entries of one kind by their keys."""
    first = entries[0]
    getter = "get_buffer" if first.weight.buffer else "get_parameter"
    own = _is_own(first)
    if len(entries) == 1:
        weight = f"self.get_parameter({quoted(first.key if own else first.node.key('weight'))})"
        return _with_fans(init, f"self.{getter}({quoted(first.key)})", weight)
    names = ", ".join(quoted(e.key) for e in entries)
    body = _with_fans(init, f"self.{getter}(name)", "self.get_parameter(name)" if own else _sibling(first.name))
    return [f"for name in ({names}):", *(_INDENT + line for line in body)]


def _with_fans(init: Start, target: str, weight: str) -> list[str]:
    """The call for ``target``; fans are of ``weight``, which gets a name."""
    fans = fan_lines(init, "weight")
    if not fans:
        return call_lines(init, target)
    return [f"weight = {weight}", *fans, *call_lines(init, "weight" if target == weight else target)]
