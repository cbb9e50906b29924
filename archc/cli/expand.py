"""``archc expand``."""

from __future__ import annotations

from typing import Any

import click

from archc.backends.expanded import expanded
from archc.cli.options import compile_network, network_options


@click.command(name="expand")
@click.argument("spec")
@network_options
def command(spec: str, **changes: Any) -> None:
    """Write SPEC to stdout as a spec in which every value is resolved; comments say where each came from."""
    click.echo(expanded(compile_network(spec, **changes).graph), nl=False)
