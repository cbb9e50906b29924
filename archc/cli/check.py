"""``archc check``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from archc.checking import Report, check
from archc.checking.formats import DEFAULT, Format, load, names
from archc.cli.failures import BAD_INPUT, FAILED_CHECK
from archc.diagnostics.render import use_color
from archc.files import write_text
from archc.language.library import folder

CODES = {"ok": 0, "failed": FAILED_CHECK, "error": BAD_INPUT}


@click.command(name="check")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--format", "form", type=click.Choice(names()), default=DEFAULT, show_default=True)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write there, whole or not at all, instead of to stdout.",
)  # fmt: skip
@click.option("--update", is_flag=True, help="Write the tables beside the specs: net.table.md beside net.yaml.")
def command(paths: Sequence[Path], form: str, output: Path | None, update: bool) -> int:
    """Compile every variant of every spec in PATHS, and test what it expects.

    Without PATHS: of specs/ here, or else of the library.

    Where a spec has a table beside it, which --update writes, its networks must still have that table: what a change
    does to shapes, parameters and MACs is then seen in the diff of the table.

    \b
    Formats
      text    for people: what does not hold, and each mistake with its excerpt (on stderr)
      github  workflow commands, which GitHub Actions shows as annotations of a pull request
      json    all that is known of files, variants, mistakes and figures, under stable keys
      junit   a test suite a file, for what reads JUnit XML: GitLab, Jenkins, test reporters
      sarif   SARIF 2.1.0, for code scanning

    Exits with 0; with 1 where something expected does not hold or a table is out of date; with 2 where a spec is wrong.
    """
    wanted = paths or [Path("specs") if Path("specs").is_dir() else folder()]
    report = check(wanted, update=update)
    if not report.files:
        raise click.UsageError(f"there is no spec (*.yaml) in {', '.join(map(str, wanted))}")
    if output is not None and output.exists() and any(output.samefile(path) for path in report.sources.values()):
        raise click.UsageError(f"--output: {output} is one of the specs")
    _write(report, load(form), output)
    return CODES[report.state]


def _write(report: Report, format: Format, output: Path | None) -> None:
    if output is not None:
        write_text(output, "".join(_encodable(part.text) for part in format.parts(report, color=False)))
        return
    for part in format.parts(report, color=use_color(sys.stderr)):
        click.echo(_encodable(part.text), nl=False, err=part.aside, color=True)


def _encodable(text: str) -> str:
    """Names of files may hold bytes that are no text; as escapes they are legal in JSON, too."""
    return text.encode(errors="backslashreplace").decode()
