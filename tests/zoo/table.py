"""specs/README.md: what the tests of this folder measure, network by network. ``make zoo`` runs them and writes it.

As a plugin of pytest (``-p tests.zoo.table``) it has every network run at its full size and gathers what the tests
record; it writes nothing if one of them fails or has not run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

import archc
from archc.compiler import SpecFile
from archc.files import write_text
from archc.graph.cost import cost
from archc.language import library
from archc.language.files import load
from tests.zoo import reference
from tests.zoo.reference import NAMES

PATH = Path(__file__).parents[2] / "specs" / "README.md"
MEASURED = ("keys", "eval", "train", "onnx")
EXACT = "equal"

_HEAD = """\
# The library

Blocks, stems and heads that specs may `use`, and models, a file for each family. `archc list` lists the networks,
`archc summarize NAME` shows one.

## torchvision's convolutional classifiers

Written by `make zoo`: each row was measured by the run of `tests/zoo` that wrote it, with torch {torch}, torchvision
{torchvision} and onnxruntime {onnxruntime} on the CPU, at the network's own input size, with weights drawn by
torchvision and batch norms of other statistics than they start with.

- *lines*: of the family's file, without blank lines, comments and what it expects.
- *keys*: entries of the state_dict, those whose key, place, shape and type are torchvision's of all.
- *eval*, *train*: the largest difference to torchvision's outputs on a batch of two; in training with the same seed,
  auxiliary outputs and the statistics of batch norms included. *{exact}* is bit by bit.
- *ONNX*: ‖difference‖ / ‖output‖ of onnxruntime to torchvision, the largest of batches of 1, 2 and 5.

| network | file | lines | parameters | MACs | keys | eval | train | ONNX |
|---|---|--:|--:|--:|--:|--:|--:|--:|
"""
_OTHERS = """
## Other networks

Textbook forms, networks for small images, segmentation, pyramids, design spaces. What their sources say of sizes and
parameters stands in `expect`.

| network | file | lines | parameters | MACs |
|---|---|--:|--:|--:|
"""


def figures() -> dict[str, list[str]]:
    """Network → the cells that are known without running it: file, lines, parameters, MACs."""
    rows: dict[str, list[str]] = {}
    for path in library.models():
        name = path.relative_to(PATH.parent).as_posix()
        for variant in SpecFile(path, load(path)).variants:
            total = cost(archc.compile(f"{path}:{variant}").graph).total
            rows[variant] = [f"[{path.stem}]({name})", str(lines(path)), f"{total.params:,}", f"{total.macs:,}"]
    return rows


def lines(path: Path) -> int:
    """Lines that say something, up to and without ``expect``, which stands last."""
    text = path.read_text(encoding="utf-8")
    assert list(yaml.safe_load(text))[-1] == "expect", path
    said = text[: text.index("\nexpect:")].splitlines()
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in said)


def page(measured: Mapping[str, Mapping[str, str]]) -> str:
    """The whole file."""
    known = figures()
    versions = {name: version(name).partition("+")[0] for name in ("torch", "torchvision")}
    head = _HEAD.format(**versions, onnxruntime=version("onnxruntime-gpu"), exact=EXACT)
    proven = [_row(name, [*known[name], *(measured[name][what] for what in MEASURED)]) for name in NAMES]
    others = [_row(name, cells) for name, cells in sorted(known.items()) if name not in NAMES]
    return "".join([head, *proven, _OTHERS, *others])


def _row(name: str, cells: list[str]) -> str:
    return f"| {' | '.join([name, *cells])} |\n"


# --- the plugin -----------------------------------------------------------------------------------------------------


class Gathered:
    """What tests record by ``record_property``: network, kind, figure."""

    def __init__(self) -> None:
        self.cells: dict[str, dict[str, str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            for network, cell in _properties(report):
                self.cells.setdefault(network, {}).update(cell)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        missing = [n for n in NAMES if self.cells.get(n, {}).keys() != set(MEASURED)]
        if exitstatus or missing:
            shown = ", ".join(missing[:5])
            print(f"\n{PATH.name} is left as it was: {'not measured: ' + shown if missing else 'a test failed'}")
            return
        write_text(PATH, page(self.cells))
        print(f"\nwritten: {PATH}")


def _properties(report: pytest.TestReport) -> Iterator[tuple[str, dict[str, str]]]:
    for name, value in report.user_properties:
        if name == "zoo" and isinstance(value, dict):
            given: dict[str, Any] = value
            yield given["network"], {given["kind"]: given["cell"]}


def pytest_configure(config: pytest.Config) -> None:
    reference.full_size = True
    if not hasattr(config, "workerinput"):  # the process that all reports come to
        config.pluginmanager.register(Gathered(), "zoo-table")
