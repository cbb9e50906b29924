"""``archc diff``."""

from __future__ import annotations

import sys
from typing import Any

import click

from archc.backends.difference import FORMATS
from archc.cli.failures import FAILED_CHECK
from archc.cli.options import input_of, network_options, params_of, show_diagnostics
from archc.diagnostics.render import use_color


@click.command(name="diff")
@click.argument("a")
@click.argument("b", required=False)
@click.option(
    "--rev", metavar="REV", help="Of one spec: REV against now, REV..REV, or REV...REV from where they parted."
)
@click.option("--unfold", is_flag=True, help="Show equal changes one by one, and each change of shape.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if there is a difference.")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="text", show_default=True)
@network_options
def command(a: str, b: str | None, rev: str | None, unfold: bool, exit_code: bool, form: str, **changes: Any) -> int:
    """Show what differs from A to B: structure, shapes, costs, and which weights carry over.

    A and B are specs, also at a git revision: HEAD~1:net.yaml, main:net.yaml:small. A path after a revision is from the
    top of the repository, or from here if it begins with ./. Without B, A is compared with itself at HEAD, or at --rev.
    Of two files with several variants, those of one name are compared. --set and --input hold for both sides.
    """
    from archc.differences import compare, sides

    found, warnings = compare(*sides(a, b, rev), params_of(changes["settings"]), input_of(changes["inputs"]))
    show_diagnostics(warnings)
    click.echo(found.render(form, color=use_color(sys.stdout), unfold=unfold), nl=False, color=True)
    return FAILED_CHECK if exit_code and not found.same else 0
