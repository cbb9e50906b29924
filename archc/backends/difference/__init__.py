"""What differs between two networks, or two files of networks: as text, Markdown and JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archc.backends.difference import formats
from archc.backends.difference.data import data, json_text
from archc.backends.difference.sections import Section, overview
from archc.display.tables import ansi, plain
from archc.graph.comparison import Comparison

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["FORMATS", "Difference"]


@dataclass(frozen=True)
class Difference:
    """Networks of two specs, A and B, side by side. ``archc.diff`` makes it.

    ``compared`` has one comparison, or one for each variant that both files have; ``added`` and ``removed`` are
    the variants that only B or only A has.
    """

    a: str
    b: str
    compared: Sequence[Comparison]
    added: Sequence[str] = ()
    removed: Sequence[str] = ()

    @property
    def same(self) -> bool:
        """Whether nothing differs, but names and values that lead to the same networks."""
        return not (self.added or self.removed) and all(c.same for c in self.compared)

    def text(self, *, color: bool = False, unfold: bool = False) -> str:
        """Aligned text that ends with a line end; with escape sequences if ``color``."""
        style = ansi if color else plain
        shown = [formats.text(c, style, unfold) for c in self._told]
        if self._several:
            shown.insert(0, formats.overview_text((self.a, self.b), self._overview, style))
        return "\n".join(shown)

    def markdown(self, *, unfold: bool = False) -> str:
        """For a pull request: tables as GitHub renders them, long ones folded."""
        shown = [formats.markdown(c, unfold) for c in self._told]
        if self._several:
            shown.insert(0, formats.overview_markdown((self.a, self.b), self._overview))
        return "\n".join(shown)

    @property
    def _several(self) -> bool:
        return len(self.compared) + len(self.added) + len(self.removed) > 1

    @property
    def _told(self) -> list[Comparison]:
        """Of several, those that differ; the others stand in the overview alone."""
        return [c for c in self.compared if not (self._several and c.same)]

    @property
    def _overview(self) -> Section:
        return overview(self.compared, self.added, self.removed)

    def data(self) -> dict[str, Any]:
        """What ``json`` writes."""
        return {
            "a": self.a,
            "b": self.b,
            "same": self.same,
            "added": list(self.added),
            "removed": list(self.removed),
            "compared": [data(c) for c in self.compared],
        }

    def json(self) -> str:
        """Every change and every key, unfolded; the keys of the JSON and their order are kept stable."""
        return json_text(self.data()) + "\n"

    def render(self, format: str = "text", *, color: bool = False, unfold: bool = False) -> str:
        """The difference in one of ``FORMATS``, the options as far as it has them. Raises ValueError for another."""
        if format not in FORMATS:
            raise ValueError(f"no format `{format}`; there are {', '.join(FORMATS)}")
        return FORMATS[format](self, color, unfold)

    def __str__(self) -> str:
        return self.text()

    def __rich__(self) -> Text:
        from rich.text import Text

        return Text.from_ansi(self.text(color=True), no_wrap=True, overflow="ignore")


FORMATS: dict[str, Callable[[Difference, bool, bool], str]] = {
    "text": lambda difference, color, unfold: difference.text(color=color, unfold=unfold),
    "markdown": lambda difference, _, unfold: difference.markdown(unfold=unfold),
    "json": lambda difference, _, __: difference.json(),
}
