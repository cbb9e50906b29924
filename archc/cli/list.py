"""``archc list``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from archc.backends.onnx.profiles import PROFILES
from archc.compiler import SpecFile
from archc.display.numbers import by_axis, decimal, exact
from archc.display.tables import aligned
from archc.language import library
from archc.language.files import load
from archc.language.syntax import Scalar, Sequence
from archc.ops import OPS

Row = tuple[str, str, str, str]


@click.command(name="list")
@click.option("--ops", is_flag=True, help="List the ops of the language with their arguments instead.")
@click.option("--profiles", is_flag=True, help="List the profiles of `build --profile` and the passes of each instead.")
def command(ops: bool, profiles: bool) -> None:
    """List the networks of the library: family, variants, input, parameters, and MACs.

    Figures are those that the specs state and `archc check` tests.
    """
    if ops and profiles:
        raise click.UsageError("--ops and --profiles are two lists; ask for one")
    if ops:
        for name in sorted(OPS):
            click.echo(str(OPS[name].signature()))
        return
    if profiles:
        _list_profiles()
        return
    families = {path: list(_rows(path)) for path in library.models()}
    rows = [row for family in families.values() for row in family]
    lines = iter(aligned([("network", "input", "params", "MACs"), *rows], "<<>>"))
    click.echo(f"  {next(lines)}")
    for path, family in families.items():
        click.echo(f"{path.stem}  {_description(path)}".rstrip())
        for _ in family:
            click.echo(f"  {next(lines)}")


def _list_profiles() -> None:
    """Each profile with its passes in order; then what each pass does."""
    from archc.backends.onnx import passes

    for profile in PROFILES.values():
        click.echo(f"{profile.name}: {profile.summary}\n  {', '.join(profile.passes)}")
    click.echo("\npasses")
    for line in aligned([(name, passes.load(name).summary) for name in passes.names()], "<<"):
        click.echo(f"  {line}")


def _description(path: Path) -> str:
    spec = load(path).spec
    return spec.description if spec else ""


def _rows(path: Path) -> Iterator[Row]:
    """A line for each variant, without compiling it."""
    file = SpecFile(path, load(path))
    for variant in file.variants:
        params, macs = _expected(file, variant, "params"), _expected(file, variant, "macs")
        yield variant, _input(file, variant), exact(params) if params else "", decimal(macs) if macs else ""


def _input(file: SpecFile, variant: str) -> str:
    spec = file.spec
    if spec is None:
        return ""
    own = spec.variants[variant].input if variant in spec.variants else None
    if isinstance(own, Sequence):
        return by_axis(item.text for item in own.items if isinstance(item, Scalar))
    return ", ".join(map(by_axis, spec.shapes.values()))


def _expected(file: SpecFile, variant: str, figure: str) -> int | None:
    tree = file.expected(variant)
    stated = tree.get(figure) if tree is not None else None
    value = stated.value if isinstance(stated, Scalar) else None
    return value if isinstance(value, int) else None
