"""``archc tune``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from archc.cli.options import model_input_option, sizes_of
from archc.cli.progress import say
from archc.runtime.devices import CPU, DEVICES
from archc.runtime.settings import MOST_THREADS


@click.command(name="tune")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--device", type=click.Choice(DEVICES), default=CPU, show_default=True)
@click.option("--batch", type=click.IntRange(min=1), default=1, show_default=True, help="That it is tuned for.")
@model_input_option
@click.option(
    "--threads", type=click.IntRange(1, MOST_THREADS), help="Keep to this number of threads; else it is tuned too."
)
@click.option("--allow-tf32", is_flag=True, help="Try TF32 on CUDA: it is faster for fp32 models, and less exact.")
@click.option("--rounds", type=click.IntRange(min=8), default=30, show_default=True, help="For each option.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    model: Path, device: str, batch: int, sizes: Sequence[tuple[str | None, list[int]]], threads: int | None,
    allow_tf32: bool, rounds: int, form: str,
) -> None:  # fmt: skip
    """Find the fastest options of onnxruntime for MODEL (.onnx) on this machine, and write them beside it.

    Options are tried one after the other, each value timed in turn with the best so far, its outputs compared with the
    default's; what is not faster by more than the noise is not kept. `archc run`, `archc bench` and archc.session load
    MODEL.profile.json where it fits the model, the device and onnxruntime.
    """
    if allow_tf32 and device == CPU:
        raise click.UsageError("--allow-tf32 speaks of --device cuda")
    from archc.measurement.tuning.tune import Request, as_json, as_text, profile_of, tune
    from archc.runtime.profile import write_profile

    request = Request(model, device, batch, sizes_of(sizes), threads, allow_tf32, rounds)
    tuned = tune(request, say)
    profile = profile_of(request, tuned)
    written = write_profile(model, profile)
    text = as_json(profile, written) if form == "json" else as_text(request, profile, tuned, written)
    click.echo(text, nl=False)
