"""``archc doctor``."""

from __future__ import annotations

import json
import sys

import click

from archc.cli.failures import NO_DEVICE
from archc.diagnostics.render import use_color
from archc.display.tables import ansi, plain
from archc.runtime.devices import DEVICES


@click.command(name="doctor")
@click.option("--device", type=click.Choice(DEVICES), help="Look at this one alone; all by default.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(device: str | None, form: str) -> int:
    """Show what this machine can run models on, and the commands that mend what is wrong.

    Libraries are tried by loading them, devices by a convolution whose numbers are checked. Exits with 3 where a device
    does not work: --device cpu asks for the CPU alone.
    """
    from archc.runtime.doctor import examine
    from archc.runtime.environment import environment

    report = examine(environment(), _convolve, device)
    style = ansi if use_color(sys.stdout) else plain
    text = json.dumps(report.json(), indent=2, ensure_ascii=False) if form == "json" else report.text(style)
    click.echo(text, color=True)
    return 0 if all(report.works.values()) else NO_DEVICE


def _convolve(device: str) -> str | None:
    from archc.runtime.convolution import convolve

    return convolve(device)
