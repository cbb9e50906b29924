"""``archc recover``."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from archc.cli.failures import FAILED_CHECK, explain
from archc.diagnostics.diagnostic import CompileError, RequestError
from archc.display.text import clean, visible

if TYPE_CHECKING:
    from archc.recovery import Recovered


@click.command(name="recover")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
    help="Write the spec and all files that it uses into this folder.",
)  # fmt: skip
@click.option("--check", is_flag=True, help="Compile it anew, and exit with 1 if that is not the network of the model.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(model: Path, out: Path | None, check: bool, form: str) -> int:
    """Give back the exact spec that MODEL, an ONNX file that archc wrote, was made of.

    Without --out the spec goes to stdout, and how it was built to stderr. Weights are not given back: batch norms were
    folded into them.
    """
    from archc.recovery import RecoveryError, recover

    try:
        found = recover(model)
    except RecoveryError as e:
        click.echo(explain(e), err=True)
        return FAILED_CHECK
    problems = _check(found) if check else None
    written = [] if out is None else found.write(out)
    spec = found.main if out is None else str(out / found.main)
    if form == "json":
        click.echo(json.dumps(_data(found, problems), ensure_ascii=False, indent=2))
    else:
        _show(found, spec, written, problems)
    return FAILED_CHECK if problems else 0


def _check(found: Recovered) -> list[str]:
    """What is not as it was when the spec is compiled anew, a line each."""
    try:
        return found.differences()
    except (CompileError, RequestError) as e:
        return [f"it does not compile with this archc:\n{explain(e)}"]


def _show(found: Recovered, spec: str, written: list[Path], problems: list[str] | None) -> None:
    """What was recovered, and how it was built; on stdout what was asked for, so that it can be piped."""
    aside = not written
    if aside:
        click.echo(found.text.encode() if not sys.stdout.isatty() else _on_screen(found.text), nl=False)
    for path in written:
        click.echo(_printable(str(path)))
    for line in _about(found, spec):
        click.echo(line, err=aside)
    for problem in problems or []:
        click.echo(f"error: {problem}", err=True)
    if problems == []:
        structure = found.metadata.get("structure_sha256", "")[:12]
        click.echo(f"compiled anew it is the same network: structure {structure}", err=aside)


def _about(found: Recovered, spec: str) -> list[str]:
    said = {key: clean(found.metadata.get(key, ""), 200) for key in ("spec", "spec_sha256", "archc_version", "weights")}
    return [
        f"{said['spec']}: sha256 {said['spec_sha256'][:12]}, as when archc {said['archc_version']} built it",
        f"weights: {said['weights']}",
        _command(found, spec),
    ]


def _command(found: Recovered, spec: str) -> str:
    """The command that builds it, apart from the weights."""
    words = ["archc", "build", f"{spec}:{found.variant}", "--to", "onnx"]
    for name, sizes in (found.input or {}).items():
        words += ["--input", f"{name}={'x'.join(map(str, sizes))}"]
    for name, value in found.params.items():
        words += ["--set", f"{name}={json.dumps(value, ensure_ascii=False)}"]
    return shlex.join(map(_printable, words + _flags(found.export)))


def _flags(export: dict[str, Any]) -> list[str]:
    """Arguments of ``Network.onnx`` as options of ``archc build``."""
    from archc.cli.build import FOR_ONNX

    words: list[str] = []
    for name, value in export.items():
        flag = FOR_ONNX.get(name)
        if flag is None or (name, value) == ("profile", "portable"):
            continue
        values = [str(item) for item in cast("list[Any]", value)] if isinstance(value, list) else [str(value)]
        if name == "only":
            values = [",".join(values)]
        words += [flag] if value is True else [word for text in values for word in (flag, text)]
    return words


def _on_screen(text: str) -> str:
    """Text that acts on no terminal."""
    return "".join(char if char in "\n\t" else visible(char) for char in text.replace("\r\n", "\n"))


def _printable(text: str) -> str:
    return clean(text, 1000)


def _data(found: Recovered, problems: list[str] | None) -> dict[str, Any]:
    kept = ("spec", "spec_sha256", "structure_sha256", "archc_version", "weights", "profile")
    return {
        **{key: found.metadata.get(key) for key in kept},
        "main": found.main,
        "files": found.files(),
        "variant": found.variant,
        "params": dict(found.params),
        "input": found.input,
        "export": found.export,
        "command": _command(found, found.main),
        "check": None if problems is None else {"same": not problems, "differences": problems},
    }
