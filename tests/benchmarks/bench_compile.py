"""The compiler itself, in one process."""

from __future__ import annotations

import gc
from functools import partial
from pathlib import Path

import archc
from tests.benchmarks.measure import Report, seconds

SPEC = """\
name: deep
input: [8, 32, 32]
params: {blocks: 1}
blocks:
  unit:
    conv: conv(8, 3, padding=1, bias=False)
    bn: batch_norm
    relu: relu
    sum <- relu, x: add
body:
  for i in range(blocks):
    - unit
"""


def test_resnet50_compiles_in_fifteen_milliseconds(report: Report) -> None:
    archc.compile("resnet50")
    took = min(seconds(lambda: archc.compile("resnet50")) for _ in range(40)) * 1000
    report.add("compile resnet50, in process, best of 40", f"{took:.1f} ms", wanted="< 15 ms")
    assert took < 15


def test_compile_time_is_linear_in_the_layers(report: Report, tmp_path: Path) -> None:
    spec = tmp_path / "deep.yaml"
    spec.write_text(SPEC)
    each: dict[int, float] = {}
    gc.collect()
    gc.freeze()  # what other benchmarks left in the process is not archc's to walk through
    for layers in (100, 1_000, 10_000):
        took = min(seconds(partial(archc.compile, str(spec), blocks=layers // 4)) for _ in range(5))
        each[layers] = took * 1000 / layers
        report.add(
            f"compile {layers:,} layers, best of 5", f"{took * 1000:,.1f} ms", ratio=f"{each[layers]:.4f} ms a layer"
        )
    assert each[10_000] < 1.5 * each[1_000]


def test_comparing_is_linear_in_the_layers(report: Report, tmp_path: Path) -> None:
    """A layer put before all others moves the numbers of all."""
    each: dict[int, float] = {}
    for layers in (1_000, 10_000):
        spec = tmp_path / "long.yaml"
        text = "name: long\ninput: [4, 4, 4]\nbody:\n  features:\n" + "    - conv(4, 1)\n    - relu\n" * (layers // 2)
        spec.write_text(text)
        before = archc.compile(str(spec))
        spec.write_text(text.replace("features:\n", "features:\n    - tanh\n"))
        after = archc.compile(str(spec))
        took = seconds(before.diff(after).text) * 1000
        each[layers] = took / layers
        report.add(f"diff {layers:,} layers", f"{took:,.1f} ms", ratio=f"{each[layers]:.4f} ms a layer")
    assert each[10_000] < 2 * each[1_000]
