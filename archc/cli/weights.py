"""``archc weights``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from archc.cli.failures import FAILED_CHECK
from archc.cli.options import compile_network, load_weights, network_options, weights_options


@click.command(name="weights")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("spec")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--all", "whole", is_flag=True, help="List every key, those that load too.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="X.safetensors",
    help="Write the weights as the network has them, with what they are of.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of weights that start fresh.")
@weights_options
@network_options
def command(
    file: Path, spec: str, form: str, whole: bool, out: Path | None, seed: int, partial: bool, ema: bool,
    other_structure: bool, **changes: Any,
) -> int:  # fmt: skip
    """Show what FILE (.safetensors, or one of torch.save: .pth, .pt, .ckpt, .bin) would load into the network SPEC.

    Exits with 0 where `archc build --weights` would take it with the same options, with 1 where not.
    """
    if out is not None and out.suffix != ".safetensors":
        raise click.UsageError(f"--out: weights are written as .safetensors, and {out} is none")
    network = compile_network(spec, **changes)
    found = load_weights(network, file, ema=ema, seed=seed, check=False)
    takes = found.report.takes(partial=partial, other_structure=other_structure)
    written = out if takes else None
    if written is not None:
        found.save(written)
    from archc.backends.weights.formats import as_json, as_text

    arguments = found.loaded, takes, written
    click.echo(as_json(*arguments) if form == "json" else as_text(*arguments, whole=whole))
    if out is not None and not takes:
        click.echo(f"error: {out} is not written: the file does not load", err=True)
    return 0 if takes else FAILED_CHECK
