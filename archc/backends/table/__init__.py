"""A network as a table: for people as text, Markdown and HTML, for programs as CSV and JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from archc.backends.table import formats
from archc.backends.table.columns import COLUMNS, Scale, TableError, field_value, geometry, output_value, select
from archc.backends.table.heading import head, totals
from archc.backends.table.rows import Row, Rows
from archc.display.tables import ansi, plain
from archc.graph.conventions import CONVENTIONS, recounted
from archc.graph.conventions import convention as rules
from archc.graph.cost import Cost, cost
from archc.graph.graph import Graph, Mode

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["COLUMNS", "CONVENTIONS", "FORMATS", "Row", "Table", "TableError"]


class Table:
    """The table of a graph in a mode, at a batch.

    ``depth`` counts the levels of the module tree that are shown; at 1, the default, these are the children of the
    root. Equal neighbours are folded into one row unless ``unfold``. ``columns`` are names of ``COLUMNS``. The batch
    multiplies activations and their memory, not MACs. Layers that have weights and that the mode does not run have a
    row all the same, with their parameters and nothing else: rows add up to the network's parameters in every mode.
    ``convention`` is another tool, of ``archc.graph.conventions``: MACs are then what it prints; there are no FLOPs.
    Raises TableError for a depth or batch below 1, and for an unknown column or convention.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        mode: Mode = "eval",
        batch: int = 1,
        depth: int | None = None,
        unfold: bool = False,
        columns: Sequence[str] | None = None,
        convention: str | None = None,
    ) -> None:
        if batch < 1:
            raise TableError(f"a batch has 1 sample or more, not {batch}")
        if depth is not None and depth < 1:
            raise TableError(f"depth is 1 or more, not {depth}")
        self.graph = graph
        self.mode: Mode = mode
        self.batch = batch
        self.depth = depth
        self.unfold = unfold
        if convention is not None and convention not in CONVENTIONS:
            raise TableError(f"no convention `{convention}`; there are {', '.join(CONVENTIONS)}")
        self.convention = convention
        self._columns_asked = columns is not None
        self.columns = select(columns, "MACs" if convention is None else rules(convention).PRINTED)
        if convention is not None and any(c.name == "flops" for c in self.columns):
            raise TableError(f"the column flops is archc's own; what {convention} counts is in the column macs")

    @cached_property
    def cost(self) -> Cost:
        """The costs of the nodes and their sums."""
        own = cost(self.graph, self.mode, self.batch)
        return own if self.convention is None else recounted(own, self.convention)

    @cached_property
    def rows(self) -> list[Row]:
        """The rows as text shows them."""
        return Rows(self.graph, self.cost, self.depth or 1, self.unfold).tree()

    def text(self, *, color: bool = False) -> str:
        """Aligned text that ends with a line end; with escape sequences for bold and dim if ``color``."""
        style = ansi if color else plain
        return formats.text(self.rows, self.columns, self._scale, *self._around, style)

    def markdown(self) -> str:
        """A table as GitHub renders it, under the same heading and over the same totals as the text."""
        return formats.markdown(self.rows, self.columns, self._scale, *self._around)

    def csv(self) -> str:
        """Nothing but numbers and names: a row for each op, or, where a depth is given, for each path of that depth."""
        rows = Rows(self.graph, self.cost, self.depth, unfold=True)
        return formats.csv(rows.tree(), self.columns if self._columns_asked else list(COLUMNS.values()), self._scale)

    def data(self) -> dict[str, Any]:
        """What ``json`` writes."""
        t = self.cost.total
        return {
            "name": self.graph.name,
            "variant": self.graph.variant,
            **({} if self.convention is None else {"convention": self.convention}),
            "input": {name: list(tensor.shape.dims) for name, tensor in self.graph.inputs.items()},
            "rows": [_row_data(row) for row in Rows(self.graph, self.cost).leaves()],
            "total": {
                "params": t.params,
                "trainable_params": t.trainable_params,
                "macs": t.macs,
                "flops": t.flops if self.convention is None else None,
                "activations": t.activations,
                "param_bytes": t.param_bytes,
                "peak_activation_bytes": t.peak_activation_bytes,
                "saved_for_backward_bytes": t.saved_for_backward_bytes,
            },
        }

    def json(self) -> str:
        """One row for each op, in the order in which they are built; keys and their order are kept stable.

        Sizes are given by axis, height first. ``output`` is a list of shapes where the op gives a list of tensors;
        ``inputs`` are paths, with ``[i]`` after one that gives a list, or names of the network's inputs. What a row
        does not have is null, a receptive field that is the whole input too. Raises TableError if columns were chosen.
        """
        import json

        if self._columns_asked:
            raise TableError("columns can't be chosen for json, which always has the same keys")
        data = self.data()
        rows = ",\n".join("    " + json.dumps(row, ensure_ascii=False) for row in data["rows"])
        parts = [f"  {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in data.items() if k != "rows"]
        parts.insert(3, f'  "rows": [\n{rows}\n  ]')
        return "{\n" + ",\n".join(parts) + "\n}\n"

    def render(self, format: str = "table", *, color: bool = False) -> str:
        """The table in one of ``FORMATS``, in colour where it has any. Raises TableError for an unknown one."""
        if format not in FORMATS:
            raise TableError(f"no format `{format}`; there are {', '.join(FORMATS)}")
        return FORMATS[format](self, color)

    def __str__(self) -> str:
        return self.text()

    def __rich__(self) -> Text:
        from rich.text import Text

        return Text.from_ansi(self.text(color=True), no_wrap=True, overflow="ignore")

    def _repr_html_(self) -> str:
        return formats.html(self.rows, self.columns, self._scale, *self._around)

    @property
    def _scale(self) -> Scale:
        return Scale.of(self.cost)

    @property
    def _around(self) -> tuple[list[str], list[str]]:
        return head(self.graph, self.cost), totals(self.graph, self.cost)


def _row_data(row: Row) -> dict[str, Any]:
    assert row.node is not None
    kernel, stride, padding = geometry(row.node.op)
    return {
        "path": row.path,
        "op": row.node.op.name,
        "inputs": list(row.inputs),
        "output": output_value(row),
        "params": row.params,
        "macs": row.macs,
        "kernel": kernel and list(kernel),
        "stride": stride and list(stride),
        "padding": padding and list(padding),
        "receptive_field": field_value(row.field),
    }


FORMATS: dict[str, Callable[[Table, bool], str]] = {
    "table": lambda table, color: table.text(color=color),
    "markdown": lambda table, _: table.markdown(),
    "csv": lambda table, _: table.csv(),
    "json": lambda table, _: table.json(),
}
