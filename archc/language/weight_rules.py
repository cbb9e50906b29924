"""`weights`: what is known of a family's files of weights, read and checked. The rules' meaning is the graph's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import core_schema as cs

from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.diagnostics.span import Span
from archc.graph.weight_rules import WeightRule
from archc.language import declarations
from archc.language.declarations import POSITIVE, TEXT, key, one_of
from archc.language.schema import check_param
from archc.language.syntax import Mapping as MappingNode
from archc.language.syntax import Node, Sequence

EXAMPLE = '- rename: {"*.norm.1.*": "*.norm1.*"}'
EFFECTS = ("rename", "drop", "params")

_NAMES = one_of(cs.str_schema(strict=True, min_length=1), cs.list_schema(TEXT, min_length=1))
_SHAPES = cs.dict_schema(TEXT, cs.list_schema(POSITIVE))


@dataclass(frozen=True)
class Rule:
    """One rule as it is written."""

    file: str | None = key(TEXT, "text: the name of a file, with `*` for any text")
    has: str | list[str] | None = key(_NAMES, "a pattern over the file's keys, or a list of them")
    lacks: str | list[str] | None = key(_NAMES, "a pattern over the file's keys, or a list of them")
    shape: dict[str, list[int]] | None = key(_SHAPES, "key of the file → its shape, a list of positive integers")
    rename: dict[str, str] | None = key(cs.dict_schema(TEXT, TEXT), "pattern over the file's keys → pattern")
    drop: str | list[str] | None = key(_NAMES, "a pattern over the file's keys, or a list of them")
    params: dict[str, Any] | None = key(cs.dict_schema(TEXT, cs.any_schema()), "parameter → value")


def read_rules(node: Node, collector: Collector) -> tuple[WeightRule, ...]:
    """The rules in a tree, without those that are wrong, which are reported."""
    if not isinstance(node, Sequence):
        collector.add(errors.not_a_list_of_rules(node.span, EXAMPLE))
        return ()
    return tuple(rule for item in node.items if (rule := _rule(item, collector)) is not None)


def _rule(node: Node, collector: Collector) -> WeightRule | None:
    if not isinstance(node, MappingNode):
        collector.add(errors.not_a_mapping(node.span, "a rule of `weights`", EXAMPLE.removeprefix("- ")))
        return None
    written = declarations.read(Rule, node, "a rule of `weights`", collector)
    if written is None:
        return None
    if not any(getattr(written, effect) for effect in EFFECTS):
        collector.add(errors.rule_without_effect(node.span, EFFECTS))
        return None
    rename = written.rename or {}
    for pattern, target in rename.items():
        if pattern.count("*") != target.count("*"):
            span = declarations.place(node, ("rename", pattern))
            collector.add(errors.stars_differ(span, pattern, target))
            return None
    return WeightRule(
        node.span, written.file, _listed(written.has), _listed(written.lacks), _shapes(written), rename,
        _listed(written.drop), written.params or {},
    )  # fmt: skip


def _listed(value: str | list[str] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _shapes(written: Rule) -> dict[str, tuple[int, ...]]:
    return {name: tuple(shape) for name, shape in (written.shape or {}).items()}


def check_rules(
    node: Node | None, rules: tuple[WeightRule, ...], params: Mapping[str, tuple[Any, Span]], collector: Collector
) -> None:
    """Report parameters that the spec does not have, and values that are not of their kind."""
    for place, name, value in _params(node, rules):
        if name not in params:
            collector.add(errors.unknown_param(declarations.key_place(place, ("params", name)), name, list(params)))
        elif problem := check_param(name, value, params[name][0], declarations.place(place, ("params", name))):
            collector.add(problem)


def _params(node: Node | None, rules: tuple[WeightRule, ...]) -> Iterator[tuple[Node, str, Any]]:
    places = {item.span: item for item in node.items} if isinstance(node, Sequence) else {}
    for rule in rules:
        for name, value in rule.params.items():
            yield places[rule.span], name, value
