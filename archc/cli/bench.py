"""``archc bench``."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from archc.backends.onnx.profiles import PROFILES
from archc.cli.failures import FAILED_CHECK
from archc.cli.options import (
    batches,
    compile_network,
    given_options,
    load_weights,
    name_list,
    network_options,
    sizes_of,
    weights_options,
)  # fmt: skip
from archc.cli.progress import say
from archc.runtime.devices import CPU, DEVICES
from archc.runtime.settings import MOST_THREADS

if TYPE_CHECKING:
    from archc.measurement.bench import Plan
    from archc.measurement.subject import Subject

_OF_SPEC = {
    "settings": "--set",
    "profile": "--profile",
    "only": "--passes",
    "without": "--no-pass",
    "calibrate": "--calibrate",
}
RIVALS = ("torch", "torch-compile", "torch-export", "openvino")


@click.command(name="bench")
@click.argument("what", metavar="SPEC|MODEL")
@click.option("--device", type=click.Choice(DEVICES), default=CPU, show_default=True)
@click.option("--batch", "batch_sizes", callback=batches, default="1", show_default=True, metavar="A,B,…")
@click.option(
    "--threads", type=click.IntRange(1, MOST_THREADS), help="Of the CPU, for every runner; else its physical cores."
)
@click.option(
    "--against", multiple=True, type=click.Choice(RIVALS), help="Compare with it in the same run; may be repeated."
)
@click.option("--rounds", type=click.IntRange(min=1), default=30, show_default=True)
@click.option("--seconds", type=click.FloatRange(min=0), default=0.0, help="Go on with rounds until these have passed.")
@click.option("--weights", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Of SPEC; else random.")
@weights_options
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of random weights.")
@click.option(
    "--profile", type=click.Choice(list(PROFILES)), default="portable", show_default=True,
    help="The target that SPEC is written for.",
)  # fmt: skip
@click.option(
    "--passes", "only", callback=name_list, metavar="A,B", help="Of SPEC: run these passes alone, not the profile's."
)
@click.option("--no-pass", "without", multiple=True, metavar="NAME", help="Of SPEC: leave out a pass; may be repeated.")
@click.option(
    "--calibrate", metavar="folder:PATH|FILE.npy|random",
    help="Of SPEC in int8: what its ranges are measured on; else random, which does for speed.",
)  # fmt: skip
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png|.svg",
    help="Draw the roofline and what was reached.",
)  # fmt: skip
@network_options
def command(
    what: str, device: str, batch_sizes: tuple[int, ...], threads: int | None, against: tuple[str, ...], rounds: int,
    seconds: float, form: str, plot: Path | None, **subject: Any,
) -> int:  # fmt: skip
    """Measure how fast SPEC, or a MODEL.onnx, runs: latency and throughput by batch size, memory, and how near it comes
    to what this machine can do.

    The limit is a roofline: each kernel takes no less than its arithmetic at the speed of a big matrix product, nor
    than its bytes at that of a big copy, both measured here. Exits with 1 where a rival could not be compared.
    """
    if plot is not None and plot.suffix not in (".png", ".svg"):
        raise click.UsageError(f"--plot: {plot} is neither .png nor .svg")
    from archc.measurement.bench import bench
    from archc.measurement.plot import draw, require
    from archc.measurement.report import as_json, as_text

    if plot is not None:
        require()
    with TemporaryDirectory(prefix="archc-") as folder:
        chosen, sizes = _subject(what, Path(folder), **subject)
        plan = _plan(chosen, device, batch_sizes, sizes, threads, tuple(dict.fromkeys(against)), rounds, seconds)
        found = bench(chosen, plan, say)
        click.echo(as_json(found) if form == "json" else as_text(found), nl=False)
        if plot is not None:
            draw(found, plot)
            say(f"{plot} drawn")
    return FAILED_CHECK if found.failed else 0


def _plan(
    subject: Subject, device: str, batch_sizes: tuple[int, ...], sizes: dict[str | None, list[int]],
    threads: int | None, against: tuple[str, ...], rounds: int, seconds: float,
) -> Plan:  # fmt: skip
    """With the settings that `archc tune` found for the model, where there are some."""
    from archc.measurement.bench import Plan
    from archc.measurement.tuning.tune import settings_text
    from archc.runtime.profile import profile_path, settings_for
    from archc.runtime.session import Settings

    settings, note = settings_for(subject.model, device)
    if settings is not None:
        note = f"{profile_path(subject.model)} is used: {settings_text(settings)}"
    if note:
        click.echo(f"note: {note}", err=True)
    return Plan(device, batch_sizes, sizes, threads, against, rounds, seconds, settings or Settings())


def _subject(
    what: str, folder: Path, *, weights: Path | None, seed: int, profile: str, only: list[str] | None,
    without: tuple[str, ...], calibrate: str | None, partial: bool, ema: bool, other_structure: bool, **changes: Any,
) -> tuple[Subject, dict[str | None, list[int]]]:  # fmt: skip
    """What is to be measured, and the sizes of its inputs that are asked for and not fixed in it."""
    from archc.measurement.subject import of_model, of_network

    if Path(what).suffix.lower() == ".onnx":
        if needless := given_options(_OF_SPEC):
            raise click.UsageError(f"{needless[0]} speaks of a SPEC; {what} is a model")
        return of_model(Path(what), weights), sizes_of(changes["inputs"])
    network, loaded = compile_network(what, **changes), None
    if weights is not None:
        how = {"partial": partial, "ema": ema, "other_structure": other_structure}
        loaded = load_weights(network, weights, seed=seed, **how)
        network = loaded.network
    export: dict[str, Any] = {"profile": profile, "only": only, "without": without}
    if PROFILES[profile].precision == "int8":
        calibrate = calibrate or "random"
    return of_network(network, loaded, folder, seed, calibrate=calibrate, **export), {}
