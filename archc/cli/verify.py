"""``archc verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archc.backends.onnx.profiles import PROFILES
from archc.cli.failures import FAILED_CHECK
from archc.cli.options import batches, compile_network, input_of, load_weights, network_options, weights_options
from archc.cli.progress import say
from archc.runtime.devices import DEVICES

if TYPE_CHECKING:
    from archc.network import Network, Weighted
    from archc.verification.result import Verification


@click.command(name="verify")
@click.argument("what", metavar="SPEC|MODEL")
@click.option("--weights", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Of SPEC; else random.")
@weights_options
@click.option(
    "--images", metavar="folder:PATH|FILE.npy",
    help="Compare on these too, and calibrate int8 on them: images, or arrays that are preprocessed.",
)  # fmt: skip
@click.option(
    "--profile", "profiles", multiple=True, type=click.Choice(list(PROFILES)), help="These alone; may be repeated."
)
@click.option("--batch", "batch_sizes", callback=batches, default="1,2,5", show_default=True, metavar="A,B,…")
@click.option("--device", type=click.Choice(DEVICES), help="Run there alone; by default on all that there are.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of random weights and samples.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@network_options
def command(what: str, form: str, **given: Any) -> int:
    """Run all that archc makes of SPEC, and compare: its module, the source as a file by itself, and ONNX in every
    profile, on random numbers and on images, in several batch sizes and at an odd size, on the CPU and on CUDA.

    Where an output differs by more than its precision explains, the first layer that does is named. Without --weights
    they are random, scaled layer by layer so that the network computes as a trained one does.

    A MODEL (.onnx) is compared with itself: optimised by onnxruntime, in batches, and on CUDA with TF32 off and on,
    against unoptimised, on the CPU, one sample at a time. Where it holds its spec, and --weights gives what it was made
    of, or its weights are random, it is compared with the network's module too.

    Exits with 1 where anything differs.
    """
    from archc.verification.report import as_json, as_text

    found = (_of_model if Path(what).suffix.lower() == ".onnx" else _of_spec)(what, **given)
    click.echo(as_json(found) if form == "json" else as_text(found), nl=False)
    return 0 if found.agrees else FAILED_CHECK


def _of_spec(
    what: str, *, weights: Path | None, seed: int, batch_sizes: tuple[int, ...], partial: bool, ema: bool,
    other_structure: bool, inputs: Any, settings: Any, **options: Any,
) -> Verification:  # fmt: skip
    from archc.verification.verify import verify

    how = {"partial": partial, "ema": ema, "other_structure": other_structure}
    if not weights and (needless := [name for name, asked in how.items() if asked]):
        raise click.UsageError(f"--{needless[0].replace('_', '-')} speaks of --weights FILE, and there is none")
    subject: Network | Weighted = compile_network(what, inputs, settings)
    if weights is not None:
        subject = load_weights(subject, weights, seed=seed, **how)
    return verify(subject, batches=batch_sizes, seed=seed, progress=say, **options)


def _of_model(
    what: str, *, weights: Path | None, batch_sizes: tuple[int, ...], inputs: Any, settings: Any, profiles: Any,
    partial: bool, ema: bool, other_structure: bool, **options: Any,
) -> Verification:  # fmt: skip
    from archc.backends.weights import WeightsError
    from archc.runtime.session import check_file
    from archc.verification.verify import verify

    if settings or profiles or partial or ema or other_structure:
        raise click.UsageError(
            f"--set, --profile, --partial, --ema and --other-structure speak of a SPEC; {what} is a model"
        )
    check_file(Path(what))
    try:
        return verify(what, weights=weights, batches=batch_sizes, sizes=_sizes(inputs, what), progress=say, **options)
    except WeightsError as e:
        raise click.ClickException(str(e)) from e


def _sizes(inputs: Any, what: str) -> dict[str, list[int]]:
    """Of --input, by the model's inputs; sizes without a name are the first one's."""
    from archc.runtime.model_file import inputs_of, read_model

    given = input_of(inputs)
    if isinstance(given, list):
        return {value.name: given for value in inputs_of(read_model(Path(what)))[:1]}
    return given or {}
