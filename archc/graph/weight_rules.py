"""`weights` of a spec: what is known of the family's files of weights, as rules over the names and shapes in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archc.diagnostics.span import Span
from archc.display.numbers import by_axis
from archc.graph.patterns import matches, stars

Shapes = Mapping[str, tuple[int, ...]]  # key of a file → shape of its tensor


@dataclass(frozen=True)
class WeightRule:
    """What holds of a file that meets all the conditions given: ``file``, ``has``, ``lacks`` and ``shape``.

    In patterns `*` is any text. ``rename`` maps a pattern over the file's keys to the network's, its stars in order;
    ``drop`` are keys that may be left where the network has none of that name; ``params`` are the parameters of the
    network that the file is of.
    """

    span: Span
    file: str | None = None
    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    shape: Shapes = field(default_factory=dict[str, tuple[int, ...]])
    rename: Mapping[str, str] = field(default_factory=dict[str, str])
    drop: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def applies(self, file: str, shapes: Shapes) -> bool:
        """Whether a file of that name (without its folder) and these tensors meets the conditions."""
        return (
            (self.file is None or matches(self.file, file))
            and all(any(matches(p, key) for key in shapes) for p in self.has)
            and not any(matches(p, key) for p in self.lacks for key in shapes)
            and all(shapes.get(key) == shape for key, shape in self.shape.items())
        )

    def renamed(self, key: str) -> str:
        """The network's name for a key of the file: that of the first pattern that fits, or the key itself."""
        for pattern, target in self.rename.items():
            found = stars(pattern, key)
            if found is not None:
                head, *rest = target.split("*")
                return head + "".join(text + part for text, part in zip(found, rest, strict=True))
        return key

    def drops(self, key: str) -> bool:
        return any(matches(pattern, key) for pattern in self.drop)

    @property
    def why(self) -> str:
        """The conditions in words, of a file that meets them."""
        parts = [f"its name is `{self.file}`"] if self.file is not None else []
        parts += [f"it has `{p}`" for p in self.has] + [f"it has no `{p}`" for p in self.lacks]
        parts += [f"its `{key}` is {by_axis(shape)}" for key, shape in self.shape.items()]
        return " and ".join(parts) or "as all files of this family"

    @property
    def place(self) -> str:
        return f"{self.span.source.name}:{self.span.line}"
