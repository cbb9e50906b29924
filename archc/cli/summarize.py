"""``archc summarize``."""

from __future__ import annotations

import sys
from typing import Any, get_args

import click

from archc.backends.table import COLUMNS, CONVENTIONS, FORMATS, TableError
from archc.cli.options import compile_network, network_options
from archc.diagnostics.render import use_color
from archc.graph.graph import Mode


@click.command(name="summarize")
@click.argument("spec")
@click.option("--depth", type=click.IntRange(min=1), help="How many levels of the module tree to open.")
@click.option("--unfold", is_flag=True, help="Show equal neighbours one by one.")
@click.option("--mode", type=click.Choice(get_args(Mode)), default="eval", show_default=True)
@click.option("--batch", type=click.IntRange(min=1), default=1, show_default=True, help="For activations and memory.")
@click.option("--columns", metavar="A,B,…", help=f"Columns to show, of {', '.join(COLUMNS)}.")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="table", show_default=True)
@click.option("--convention", type=click.Choice(CONVENTIONS), help="Count operations as that tool does, not as MACs.")
@network_options
def command(
    spec: str, depth: int | None, unfold: bool, mode: Mode, batch: int, columns: str | None, form: str,
    convention: str | None, **changes: Any,
) -> None:  # fmt: skip
    """Show SPEC layer by layer: shapes, parameters, multiply-adds, receptive fields, memory, and totals.

    Memory is that of the generated module's tensors in fp32; weights, buffers and the workspaces of libraries are left
    out. The column `memory` has what is alive in inference while a layer runs, its most where a row stands for
    several; `saved` what autograd keeps for the backward of a training step, whatever the mode, at the layer that first
    needs it.
    """
    network = compile_network(spec, **changes)
    names = [name.strip() for name in columns.split(",")] if columns is not None else None
    try:
        table = network.table(mode=mode, batch=batch, depth=depth, unfold=unfold, columns=names, convention=convention)
        text = table.render(form, color=use_color(sys.stdout))
    except TableError as e:
        raise click.UsageError(str(e)) from e
    click.echo(text, nl=False, color=True)
