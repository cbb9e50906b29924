"""Writes the table of kernels from the installed onnxruntime: ``python -m tests.kernels.write``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

import onnxruntime

from archc.files import write_text
from archc.runtime.kernels.table import FOLDER, KERNELS, OPERATORS
from tests.kernels import registry


def files() -> dict[str, str]:
    """File name → text."""
    found = registry.read()
    tables = {name: _text(KERNELS, rows) for name, rows in found.kernels.items()}
    return {f"{name}.csv": text for name, text in {"operators": _text(OPERATORS, found.operators), **tables}.items()}


def _text(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    print(f"# onnxruntime {onnxruntime.__version__}, written by `python -m tests.kernels.write`", file=text)
    csv.writer(text, lineterminator="\n").writerows([head, *rows])
    return text.getvalue()


def main() -> None:
    for name, text in files().items():
        write_text(FOLDER / name, text)


if __name__ == "__main__":
    main()
