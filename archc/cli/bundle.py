"""``archc bundle``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from archc.bundling.bundle import Bundled

_DEVICES = {"cpu": "cpu", "cuda": "gpu", "gpu": "gpu", None: None}


@click.command(name="bundle")
@click.argument("models", metavar="MODEL…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("models"), show_default=True,
    help="The model repository, a folder.",
)  # fmt: skip
@click.option("--name", help="The model's name; without, that of its file.")
@click.option("--version", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--device", type=click.Choice(["cpu", "gpu", "cuda"]),
    help="Without: the one that archc built the model for, or else a GPU where Triton finds one.",
)  # fmt: skip
@click.option("--instances", type=click.IntRange(min=1), default=1, show_default=True, help="Copies on each device.")
@click.option(
    "--max-batch", type=click.IntRange(min=0), default=32, show_default=True,
    help="Where the model leaves the batch free; 0 turns Triton's batching off.",
)  # fmt: skip
@click.option(
    "--preferred-batch", type=click.IntRange(min=1), multiple=True, metavar="N",
    help="A batch size that Triton's batcher prefers to others; may be repeated.",
)  # fmt: skip
@click.option(
    "--max-delay", type=click.IntRange(min=0), default=0, metavar="MICROSECONDS",
    help="How long the batcher may hold a request back to make a larger batch.",
)  # fmt: skip
@click.option("--serve", is_flag=True, help="Write serve.py too, a small example server with FastAPI.")
@click.option("--force", is_flag=True, help="Replace what is there: the version, config.pbtxt, labels.")
def command(
    models: Sequence[Path], out: Path, name: str | None, version: int, device: str | None, instances: int,
    max_batch: int, preferred_batch: tuple[int, ...], max_delay: int, serve: bool, force: bool,
) -> None:  # fmt: skip
    """Write ONNX models into a model repository, as Triton Inference Server loads it.

    Each MODEL gets a folder with config.pbtxt, made from its graph, with its labels, and with the options that
    `archc tune` wrote beside it. The models may come from any tool.
    """
    from archc.bundling.bundle import Request, bundle

    request = Request(
        version, _DEVICES[device], instances, max_batch, tuple(sorted({*preferred_batch})), max_delay, serve
    )
    for one in bundle(models, out, request, name=name, force=force):
        _report(one)


def _report(one: Bundled) -> None:
    from archc.bundling.config import KINDS, TYPES
    from archc.display.numbers import binary, by_axis
    from archc.display.tables import aligned

    size = sum(file.stat().st_size for file in one.files)
    batches = f"batches up to {one.max_batch}" if one.max_batch else "requests one by one"
    click.echo(f"{one.folder}  version {one.version} · {binary(size)} · {batches} · {KINDS[one.device]}")
    sides = [("input", t) for t in one.model.inputs] + [("output", t) for t in one.model.outputs]
    rows = [
        (f"  {side}", t.name, TYPES[t.dtype].removeprefix("TYPE_"), by_axis(size or "?" for size in t.shape))
        for side, t in sides
    ]
    click.echo("\n".join([*aligned(rows, "<<<<"), *(f"  {file}" for file in one.files)]))
    for note in (*one.notes, *(f"not handed on: {what}" for what in one.left)):
        click.echo(f"  {note}")
