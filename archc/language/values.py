"""The values of expressions: Python's numbers, booleans, text, None and lists, and the layers below."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from archc.diagnostics.span import Span
from archc.ops.base import Op

if TYPE_CHECKING:
    from archc.language.bodies import Body
    from archc.language.expression import Expression
    from archc.language.scope import Env


@dataclass(eq=False, slots=True)
class Parameter:
    """A parameter of a block."""

    name: str
    default: Expression | None
    span: Span


@dataclass(eq=False, slots=True)
class Block:
    """A block as it is declared, with the names of the file that it stands in."""

    name: str
    parameters: list[Parameter]
    inputs: list[str]
    body: Body
    span: Span  # of its header
    env: Env | None = None  # set when its file's parameters are known

    def __str__(self) -> str:
        """The header, as messages show it."""
        parts = [p.name if p.default is None else f"{p.name}={p.default.text}" for p in self.parameters]
        return f"{self.name}({', '.join(parts)})"


@dataclass(eq=False, slots=True)
class Call:
    """An op or a block with arguments, not yet built. Equals nothing."""

    target: type[Op] | Block
    arguments: dict[str, Any]
    span: Span
    spans: dict[str, Span] = field(default_factory=dict[str, Span])  # of the arguments


@dataclass(frozen=True, slots=True)
class Function:
    """One of the language's functions."""

    name: str
    signature: str
    call: Any


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether the value is a list; its items are values too."""
    return isinstance(value, list)


def size(value: list[Any], most: int, deepest: int) -> int:
    """Items of a list and of the lists in it; more than ``most`` if there are more, or they are nested too deeply."""
    count, depth, level = 0, 0, [value]
    while level and count <= most:
        if depth > deepest:
            return most + 1
        inner: list[list[Any]] = []
        for items in level:
            count += len(items)
            if count > most:
                break
            inner += [item for item in items if isinstance(item, list)]
        level, depth = inner, depth + 1
    return count


def is_op(value: object) -> TypeGuard[type[Op]]:
    """Whether the value is an op."""
    return isinstance(value, type) and issubclass(value, Op)


def is_layer(value: Any) -> bool:
    """Whether the value can be built."""
    return isinstance(value, Block | Call) or is_op(value)


def describe(value: Any) -> str:
    """A value as messages speak of it."""
    if value is None:
        return "None"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Function):
        return f"the function `{value.name}`"
    if isinstance(value, Block):
        return f"the block `{value.name}`"
    if isinstance(value, Call):
        return f"a call of `{value.target.name}`"
    if is_op(value):
        return f"the op `{value.name}`"
    if is_list(value):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return f'the text "{value[:40]}"'
    return f"the number {value!r}"


def value_text(value: Any) -> str:
    """A value as it stands in an expression."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(value_text, cast(Sequence[Any], value)))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return value.span.text if isinstance(value, Call) else str(getattr(value, "name", None) or repr(value))


def kind_of(value: Any) -> str:
    """The kind by which parameters are checked: their new values must be of the kind of the default."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, list):
        return "a list"
    return "a text or a layer" if value is not None else "anything"
