"""Runs archc as a user does, within the process, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli import Archc, archc_by

TINY = """\
name: tiny
input: [3, 16, 16]
params: {width: 4, depths: [1, 2], act: relu, bias: false}
variants:
  small:
  large: {width: 8}
blocks:
  unit(out):
    conv: conv(out, 3, padding=1, bias=bias)
    bn: batch_norm
    act: act
body:
  for i, depth in enumerate(depths):
    stage${i}:
      for j in range(depth): unit(width * 2 ** i)
head:
  pool: global_avg_pool
  flatten: flatten
  fc: linear(10)
expect:
  small: {params: 1102, shape: [10]}
  large: {params: "< 4k", macs: "<= 1M", at: {stage0: {shape: [8, 16, 16]}}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with tiny.yaml in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "tiny.yaml").write_text(TINY)
    return tmp_path


@pytest.fixture
def archc(folder: Path, capsys: pytest.CaptureFixture[str]) -> Archc:
    """``archc("summarize", "tiny.yaml:small")``."""
    return archc_by(capsys)
