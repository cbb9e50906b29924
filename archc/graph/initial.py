"""Which initialiser each entry of the state_dict starts from."""

from __future__ import annotations

import re
from functools import lru_cache

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
    return _pattern(rule.pattern).fullmatch(entry.key) is not None


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    """``*`` stands for any text, dots included; all else for itself."""
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)
