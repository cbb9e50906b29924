"""Which initialiser each entry of the state_dict starts from."""

from __future__ import annotations

from archc.graph.fans import FanInit, Fans, fans
from archc.graph.graph import Entry, Graph, InitRule
from archc.graph.patterns import matches
from archc.ops.base import Init


def initialisers(graph: Graph) -> dict[str, Init]:
    """State_dict key → initialiser: the last rule of ``graph.init`` that names it, or else PyTorch's own start."""
    chosen: dict[str, Init] = {}
    for entry in graph.state:
        rules = (start(rule, entry) for rule in reversed(graph.init) if names(rule, entry))
        chosen[entry.key] = next(rules, entry.weight.init)
    return chosen


def start(rule: InitRule, entry: Entry) -> Init:
    """How the rule starts an entry that it names."""
    return rule.init.at[layer_fans(entry)] if isinstance(rule.init, FanInit) else rule.init


def layer_fans(entry: Entry) -> Fans:
    """Fan-in and fan-out of the layer's ``weight``, of which a bias speaks too. Raises ValueError if it has none."""
    return fans(entry.node.weights.get("weight", entry.weight).shape)


def names(rule: InitRule, entry: Entry) -> bool:
    """Whether the rule speaks of this entry."""
    return meant(rule.ops, rule.pattern, rule.weight, entry)


def meant(ops: tuple[str, ...], pattern: str | None, weight: str, entry: Entry) -> bool:
    """Whether an entry is meant: by its op and the weight's name, or by a pattern over the whole key."""
    if pattern is None:
        return entry.node.op.name in ops and entry.name == weight
    return matches(pattern, entry.key)
