"""Values, layers and initialisers as a spec writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from archc.graph.fans import FanInit, Formula
from archc.language.values import value_text
from archc.ops.base import Init, Op

_RESERVED = set("!&*?|>%@`\"'#,[]{}-:")


def layer_text(op: Op) -> str:
    """The layer as a spec writes it: the op with the arguments that are not its defaults."""
    parts: list[str] = []
    given = op.given()
    for argument in op.signature().arguments:
        if argument.name in given:
            text = value_text(_shortest(op, argument.name, given[argument.name]))
            parts.append(text if argument.required else f"{argument.name}={text}")
    return op.name + (f"({', '.join(parts)})" if parts else "")


def _tuple(value: Any) -> tuple[Any, ...]:
    return cast("tuple[Any, ...]", value) if isinstance(value, tuple) else ()


def _shortest(op: Op, name: str, value: object) -> object:
    """(3, 3) as 3 where the argument reads the two as the same."""
    sizes = _tuple(value)
    kind = next(a.kind for a in op.signature().arguments if a.name == name)
    try:
        return sizes[0] if sizes and kind.check(sizes[0]) == sizes else value
    except ValueError:
        return value


def plain(text: str) -> str:
    """Text as a YAML scalar, quoted where it has to be."""
    if text and text[0] not in _RESERVED and ": " not in text and " #" not in text and text.isprintable():
        return text
    return json.dumps(text, ensure_ascii=False)


def quoted(text: str) -> str:
    """Text in the quotes that YAML and JSON share."""
    return json.dumps(text, ensure_ascii=False)


def flow(value: Any) -> str:
    """A value as a YAML flow collection."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {flow(v)}" for k, v in cast(Mapping[str, Any], value).items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(flow, cast(Sequence[Any], value)))}]"
    if isinstance(value, bool) or value is None:
        return "null" if value is None else str(value).lower()
    return quoted(value) if isinstance(value, str) else repr(value)


def initialiser_text(init: Init | FanInit) -> str:
    """An initialiser with its arguments."""
    arguments = ", ".join(f"{k}={v.text if isinstance(v, Formula) else value_text(v)}" for k, v in init.args)
    return init.name + (f"({arguments})" if arguments else "")
