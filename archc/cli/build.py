"""``archc build``."""

from __future__ import annotations

from collections.abc import Sequence
from filecmp import cmp
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import click

from archc.backends.onnx.calibration import LIMIT, METHODS
from archc.backends.onnx.profiles import PROFILES
from archc.cli.failures import FAILED_CHECK
from archc.cli.options import (
    byte_count,
    compile_network,
    given_options,
    load_weights,
    name_list,
    network_options,
    weights_options,
)  # fmt: skip
from archc.network import Network
from archc.targets import DEFAULT, Options, TargetError, Written, load, names

FOR_ONNX = {
    "profile": "--profile", "only": "--passes", "without": "--no-pass", "io": "--io", "keep_fp32": "--keep-fp32",
    "preprocess": "--with-preprocess", "topk": "--with-topk", "calibrate": "--calibrate",
    "calibrate_method": "--calibrate-method", "calibrate_limit": "--calibrate-limit", "reduce_range": "--reduce-range",
    "int8_classifier": "--int8-classifier",
}  # fmt: skip


@click.command(name="build")
@click.argument("spec")
@click.option("--to", "wanted", type=click.Choice([*names(), "all"]), default=DEFAULT, show_default=True)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("generated"), show_default=True,
    help="The folder to write to.",
)  # fmt: skip
@click.option(
    "--weights", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A .safetensors file, or one of torch.save (.pth, .pt, .ckpt, .bin). All of the network's weights must be in "
    "it, and no others.",
)  # fmt: skip
@weights_options
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of random weights.")
@click.option(
    "--external-data-from", type=byte_count, metavar="SIZE",
    help="ONNX weights of this size or more (64Mi, 1G) get a file of their own; above 2 GiB they always do, and of "
    "128 MiB or more in every profile but portable.",
)  # fmt: skip
@click.option(
    "--profile", type=click.Choice(list(PROFILES)), default="portable", show_default=True,
    help="The target of the ONNX: its passes and its precision.",
)  # fmt: skip
@click.option(
    "--passes", "only", callback=name_list, metavar="A,B",
    help="Run these passes alone, in this order, not the profile's; fold-batch-norm always goes first.",
)  # fmt: skip
@click.option("--no-pass", "without", multiple=True, metavar="NAME", help="Leave out a pass; may be repeated.")
@click.option(
    "--io", default="fp32", show_default=True, metavar="TYPE[,TYPE]",
    help="The type of inputs and outputs, or of each: fp32, fp16 or bf16. By default a model of any profile can take "
    "the place of one in fp32.",
)  # fmt: skip
@click.option(
    "--keep-fp32", multiple=True, metavar="PATTERN",
    help="Layers that stay in fp32, by path (`head.fc`, `stage4`, `*.bn?`); may be repeated.",
)  # fmt: skip
@click.option(
    "--with-preprocess", "preprocess", is_flag=True,
    help="The ONNX takes images of any size, as N x H x W x channels of uint8, and resizes, crops and normalises them "
    "as the spec's `preprocess` says.",
)  # fmt: skip
@click.option(
    "--with-topk", "topk", type=click.IntRange(min=1), is_flag=False, flag_value=5, metavar="[K]",
    help="The ONNX gives `scores` and `classes` of the K best classes (5), in place of the logits.",
)  # fmt: skip
@click.option(
    "--calibrate", metavar="folder:PATH|FILE.npy|random",
    help="What int8 measures its ranges on: images, which the spec's `preprocess` prepares, or arrays of N x C x H x W "
    "that are prepared; `random` is to try. Of fp16 and bf16 it measures what they cost.",
)  # fmt: skip
@click.option(
    "--calibrate-method", type=click.Choice(METHODS),
    help="What the ranges reach over: all that was seen (minmax, the default), or less of it and finer.",
)  # fmt: skip
@click.option(
    "--calibrate-limit", type=click.IntRange(min=1), metavar="N",
    help=f"How many samples at most, spread evenly over what there is ({LIMIT}).",
)  # fmt: skip
@click.option(
    "--reduce-range",
    is_flag=True,
    help="int8 weights of 7 bits, for x86 CPUs without VNNI, on which sums of products would saturate.",
)
@click.option(
    "--int8-classifier",
    is_flag=True,
    help="In a profile of fp32 or half precision: linear layers of 1 Mi weights and more have weights of 8 bits, in "
    "blocks. What such layers take is the time to read them.",
)
@click.option("-v", "--verbose", is_flag=True, help="Say what each pass did.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if what is there differs.")
@network_options
def command(
    spec: str,
    wanted: str,
    out: Path,
    weights: Path | None,
    seed: int,
    external_data_from: int | None,
    verbose: bool,
    check: bool,
    partial: bool,
    ema: bool,
    other_structure: bool,
    **options: Any,
) -> int:
    """Write SPEC as PyTorch source, as ONNX, or as both."""
    start = perf_counter()
    targets = names() if wanted == "all" else [wanted]
    if weights and not any(load(name).needs_weights for name in targets):
        raise click.UsageError(f"--weights: {wanted} holds no weights; they go into --to onnx")
    how = {"partial": partial, "ema": ema, "other_structure": other_structure}
    if not weights and (needless := [name for name, asked in how.items() if asked]):
        raise click.UsageError(f"--{needless[0].replace('_', '-')} speaks of --weights FILE, and there is none")
    export = {name: options.pop(name) for name in FOR_ONNX}
    if "onnx" not in targets and (needless := given_options(FOR_ONNX)):
        raise click.UsageError(f"{needless[0]} speaks of --to onnx")
    network = compile_network(spec, **options)
    loaded = None
    if weights:
        loaded = load_weights(network, weights, seed=seed, **how)
        network = loaded.network
    chosen = Options(loaded, seed, external_data_from, export, verbose)
    if check:
        return _check(network, targets, out, chosen)
    _report([_write(network, name, out, chosen) for name in targets])
    click.echo(f"in {perf_counter() - start:.1f} s")
    return 0


def _write(network: Network, name: str, out: Path, options: Options) -> Written:
    try:
        return load(name).write(network, out, options)
    except TargetError as e:
        raise click.ClickException(str(e)) from e


def _report(written: Sequence[Written]) -> None:
    width = max(len(str(w.files[0])) for w in written)
    for one in written:
        click.echo(f"{one.files[0]!s:<{width}}  {one.summary}")
        for file in one.files[1:]:
            click.echo(f"{file!s:<{width}}  its weights")
    for note in dict.fromkeys(note for one in written for note in one.notes):
        click.echo(note)


def _check(network: Network, targets: Sequence[str], out: Path, options: Options) -> int:
    """Build aside, and compare with what is there."""
    stale = 0
    with TemporaryDirectory(prefix="archc-") as name:
        folder = Path(name)
        for target in targets:
            for file in _write(network, target, folder, options).files:
                state = _state(file, out / file.name)
                click.echo(f"{out / file.name}  {state}")
                stale += state != "ok"
    return FAILED_CHECK if stale else 0


def _state(fresh: Path, there: Path) -> str:
    if not there.exists():
        return "missing"
    return "ok" if cmp(fresh, there, shallow=False) else "differs"
