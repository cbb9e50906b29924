"""Which initialiser each entry of the state_dict starts from."""

from __future__ import annotations

from archc.graph.graph import Entry, Graph, InitRule
from archc.ops.base import Init


def initialisers(graph: Graph) -> dict[str, Init]:
    """State_dict key → initialiser: the last rule of ``graph.init`` that names it, or else PyTorch's own start."""
    chosen: dict[str, Init] = {}
    for entry in graph.state:
        rules = (rule.init for rule in reversed(graph.init) if names(rule, entry))
        chosen[entry.key] = next(rules, entry.weight.init)
    return chosen


def names(rule: InitRule, entry: Entry) -> bool:
    """Whether the rule speaks of this entry: by its op and the weight's name, or by a pattern over the whole key."""
    if rule.pattern is None:
        return entry.node.op.name in rule.ops and entry.name == rule.weight
    return matches(rule.pattern, entry.key)


def matches(pattern: str, key: str) -> bool:
    """Whether a pattern over state_dict keys fits a key: `*` is any text. Linear in the key, however many stars."""
    head, *rest = pattern.split("*")
    if not rest:
        return pattern == key
    if not key.startswith(head) or not key[len(head) :].endswith(rest[-1]):
        return False
    at = len(head)
    for part in rest[:-1]:
        at = key.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return at <= len(key) - len(rest[-1])
