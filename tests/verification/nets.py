"""Small networks to verify, and to break."""

from __future__ import annotations

from pathlib import Path

import archc
from archc.verification.networks import with_random_weights
from archc.verification.result import Blamed, Row
from archc.verification.samples import random_samples
from archc.verification.size import Size
from archc.verification.sizes import shapes_of

# A convolution with a norm behind it and one in front, a residual sum, branches, a pool and a classifier.
SPEC = """\
name: small
input: [3, 20, 20]
params: {width: 8}
blocks:
  unit(out):
    conv1: conv(out, 3, padding=1, bias=False)
    bn1: batch_norm
    relu1: relu
    conv2: conv(out, 3, padding=1, bias=False)
    bn2: batch_norm
    sum <- bn2, x: add
    relu: relu
body:
  stem: conv(width, 3, padding=1)
  unit1: unit(width)
  unit2: unit(width)
  norm: batch_norm
  act: relu
  narrow: conv(6, 1)
  wide <- act: conv(4, 3, padding=1)
  both <- narrow, wide: concat
  pool: max_pool(2)
head:
  mean: global_avg_pool
  flatten: flatten
  fc: linear(10)
"""


def written(folder: Path, text: str = SPEC) -> Path:
    path = folder / "small.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def size_of(path: Path, batch: int = 2) -> Size:
    """The network in a file with random weights, and four samples to compare on."""
    weighted = with_random_weights(archc.compile(path))
    shapes = shapes_of(weighted.network.graph)
    return Size(weighted, [batch], [random_samples(shapes, 4, 1)], random_samples(shapes, 4, 0))


def row_of(size: Size, profile: str) -> Row:
    """What comes of one profile, on the batch that the size has."""
    rows = [*size.onnx_rows([profile], ("cpu",), lambda _: None)]
    return next((row for row in rows if not row.agrees), rows[0])


def blamed(size: Size, profile: str) -> Blamed:
    found = row_of(size, profile).blamed
    assert found is not None
    return found


def line(path: Path, text: str) -> int:
    """The number of the line that begins so, from 1."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(i for i, one in enumerate(lines, 1) if one.strip().startswith(text))
