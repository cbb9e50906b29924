"""``archc run``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archc.cli.failures import BAD_INPUT
from archc.cli.options import model_input_option, sizes_of
from archc.display.numbers import count
from archc.runtime.devices import CPU, DEVICES
from archc.runtime.settings import MOST_THREADS, Settings

if TYPE_CHECKING:
    from archc.runtime.inputs import Inputs, Item, Refused
    from archc.runtime.predict import Run
    from archc.runtime.session import Session
    from archc.runtime.sizes import Size

IMAGENET = "imagenet"


@click.command(name="run")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, metavar="[IMAGE…]")
@click.option("--random", is_flag=True, help="Run on random numbers of the input's shape instead of files.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of --random.")
@click.option("--device", type=click.Choice(DEVICES), default=CPU, show_default=True)
@click.option("--batch", type=click.IntRange(min=1), default=1, show_default=True, help="Images in one run.")
@click.option("--top", type=click.IntRange(min=1), default=5, show_default=True, help="How many classes to show.")
@click.option("--labels", type=click.Path(path_type=Path), help="A file of the classes' names, one a line.")
@click.option(
    "--preprocess", metavar="MAPPING",
    help="How images become the input, where the model does not say: `imagenet`, or as in a spec, "
    "'{resize: 256, mean: [0.5, 0.5, 0.5], std: 0.5}'.",
)  # fmt: skip
@model_input_option
@click.option(
    "--threads", type=click.IntRange(1, MOST_THREADS), help="Threads within an op; default: as many as cores."
)
@click.option("--no-profile", is_flag=True, help="Leave the settings that `archc tune` wrote beside MODEL aside.")
@click.option("--output", type=click.Path(path_type=Path), metavar="OUT.npz", help="Write the raw outputs too.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    model: Path, files: tuple[Path, ...], random: bool, seed: int, device: str, batch: int, top: int,
    labels: Path | None, preprocess: str | None, sizes: Sequence[tuple[str | None, list[int]]], threads: int | None,
    no_profile: bool, output: Path | None, form: str,
) -> int:  # fmt: skip
    """Run MODEL (.onnx) on images, folders of images, or arrays (.npy, .npz), and show what it says of each.

    Images are prepared as the model's metadata says. Arrays are given as they are: an input's shape with or without
    the batch, in a .npz by the inputs' names. With --device cuda every node runs there, or the exit code is 3.
    """
    if random == bool(files):
        raise click.UsageError("give images, folders or arrays, or --random" + (", not both" if random else ""))
    if output is not None and output.suffix != ".npz":
        raise click.UsageError(f"--output: outputs are written as .npz, and {output} is none")
    session = _open(model, device, threads, profile=not no_profile)
    inputs = _inputs(session, preprocess, sizes)
    items = inputs.random(batch, seed) if random else inputs.files(files)
    return _show(session, model, items, batch, Wanted(top, labels, output, form))


@dataclass(frozen=True)
class Wanted:
    """What is to be shown and written."""

    top: int
    labels: Path | None
    output: Path | None
    form: str


def _open(model: Path, device: str, threads: int | None, *, profile: bool) -> Session:
    """Raises DeviceError and ModelError."""
    from archc.runtime.profile import settings_for
    from archc.runtime.session import check_file, open_session

    check_file(model)
    settings, note = settings_for(model, device) if profile else (None, None)
    if note:
        click.echo(f"note: {note}", err=True)
    settings = settings or Settings()
    if threads is not None:
        settings = replace(settings, intra_op_threads=threads)
    return open_session(model, device=device, settings=settings)


def _inputs(session: Session, preprocess: str | None, sizes: Sequence[tuple[str | None, list[int]]]) -> Inputs:
    from archc.runtime.inputs import Inputs
    from archc.runtime.sizes import sizes_by_input

    by_name = sizes_by_input(sizes_of(sizes), session.inputs)
    said = None if preprocess is None else _preprocess(preprocess, session, by_name)
    return Inputs(session, said, by_name)


def _preprocess(text: str, session: Session, sizes: Mapping[str, Size]) -> Mapping[str, Any]:
    """What --preprocess says. Raises CompileError for what a spec could not say either."""
    from archc.runtime.inputs import imagenet

    if text == IMAGENET:
        name, info = next(iter(session.inputs.items()))
        return imagenet(sizes.get(name, info.shape))
    from archc.diagnostics.collector import Collector
    from archc.diagnostics.span import Source
    from archc.language import declarations
    from archc.language.syntax import parse

    collector = Collector()
    node = parse(Source("--preprocess", text), collector)
    read = None
    if node is not None:
        read = declarations.read(declarations.Preprocess, node, "`preprocess`", collector)
    collector.check()
    return {} if read is None else read.values()


def _show(session: Session, model: Path, items: Iterator[Item], batch: int, wanted: Wanted) -> int:
    """Run, and show what was said as it comes; gives the exit code. Files that can't be used are named and left out."""
    from archc.runtime.labels import Classes, read_labels
    from archc.runtime.predict import Run, predict
    from archc.runtime.report import as_json, as_text

    names = None if wanted.labels is None else read_labels(wanted.labels)
    classes = Classes.of(session.outputs, session.metadata, names)
    runs: list[Run] = []
    said: list[dict[str, Any]] = []
    refused: list[Refused] = []
    if wanted.form == "text":
        click.echo(_heading(session, model))
    for found in predict(session, items, batch):
        if not isinstance(found, Run):
            refused.append(found)
            click.echo(f"error: {found.name}: {found.why}", err=True)
        elif wanted.form == "text":
            click.echo("\n".join(as_text(found, classes, wanted.top)))
        else:
            said += as_json(found, classes, wanted.top)
        if isinstance(found, Run) and wanted.output is not None:
            runs.append(found)
    if wanted.form == "json":
        click.echo(json.dumps(_document(session, model, said, refused), indent=2, ensure_ascii=False))
    if wanted.output is not None and runs:
        _write(wanted.output, runs)
    return BAD_INPUT if refused else 0


def _heading(session: Session, model: Path) -> str:
    """What ran where."""
    from archc.runtime.environment import device_name
    from archc.runtime.ort import VERSION

    where = f"{session.device} · {device_name(session.device, session.settings.cuda.device_id)}"
    sizes = f" · {count(len(session.on_cpu), 'node')} with sizes alone on the CPU" if session.on_cpu else ""
    return f"{model.name} · {where} · onnxruntime {VERSION}{sizes}\n"


def _document(session: Session, model: Path, said: list[dict[str, Any]], refused: Sequence[Refused]) -> dict[str, Any]:
    from archc.runtime.environment import device_name
    from archc.runtime.ort import VERSION

    return {
        "model": str(model),
        "device": session.device,
        "device_name": device_name(session.device, session.settings.cuda.device_id),
        "onnxruntime": VERSION,
        "settings": session.settings.to_json(),
        "results": said,
        "errors": [{"input": file.name, "message": file.why} for file in refused],
    }


def _write(path: Path, runs: Sequence[Run]) -> None:
    """Raises WriteError."""
    from archc.runtime.predict import joined, save

    save(path, joined(runs))
    click.echo(f"wrote {path}", err=True)
