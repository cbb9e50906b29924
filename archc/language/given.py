"""What a caller gives in Python, parameters and input shapes, as values of the language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from archc.diagnostics.diagnostic import RequestError
from archc.language import limits
from archc.language.schema import is_shape
from archc.language.values import is_layer


def as_value(name: str, value: Any) -> Any:
    """A parameter's value: numpy's numbers and arrays as Python's, tuples as lists.

    Raises RequestError for what the language has no values for, and for what is beyond its bounds.
    """
    return _Values(name).value(value, 0)


def as_shape(name: str, shape: Any) -> tuple[int, ...]:
    """The shape of an input. Raises RequestError for what is none."""
    sizes = _as_python(shape)
    if not isinstance(sizes, list | tuple) or not is_shape(found := [_as_python(s) for s in cast("list[Any]", sizes)]):
        raise RequestError(f"{shape!r} is no shape of `{name}`: positive integers, without the batch")
    return tuple(found)


class _Values:
    """Reads one parameter's value, and counts what is in it."""

    def __init__(self, name: str) -> None:
        self.name, self.count = name, 0

    def value(self, value: Any, depth: int) -> Any:
        self.count += 1
        if self.count > limits.LIST or depth > limits.NESTING:
            self.refuse("so large a list")
        value = _as_python(value)
        if isinstance(value, list | tuple | range):
            return [self.value(item, depth + 1) for item in cast("Sequence[Any]", value)]
        self.bounded(value)
        return value

    def bounded(self, value: Any) -> None:
        if isinstance(value, int | float):
            if not -limits.INTEGER < value < limits.INTEGER:  # nor is nan
                self.refuse(f"{float(value):g}" if isinstance(value, float) else "so large a number")
        elif isinstance(value, str):
            if len(value) > limits.TEXT:
                self.refuse(f"a text of {len(value):,} characters")
        elif value is not None and not is_layer(value):
            self.refuse(f"of the type `{type(value).__name__}`")

    def refuse(self, what: str) -> None:
        raise RequestError(
            f"the parameter `{self.name}` can't be {what}", "parameters are numbers, true or false, texts and lists"
        )


def _as_python(value: Any) -> Any:
    """The numbers of numpy and torch as Python's, and their arrays as lists."""
    convert = getattr(value, "tolist", None)
    return convert() if callable(convert) else value
