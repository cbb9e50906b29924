"""Output sizes against PyTorch's: what one accepts the other accepts, and they make the same of it."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from archc.ops import OPS, OpError, Shape

# Sizes that PyTorch would compute with, whether or not the window fits.
sizes = st.tuples(st.integers(1, 24), st.integers(1, 24))
pairs = st.tuples(st.integers(1, 7), st.integers(1, 7))
steps = st.tuples(st.integers(1, 4), st.integers(1, 4))
paddings = st.tuples(st.integers(0, 4), st.integers(0, 4))
thoroughly = settings(deadline=None, max_examples=150, derandomize=True)


def ours(op: str, size: tuple[int, ...], channels: int = 4, **arguments: Any) -> tuple[int, ...] | None:
    """The inferred sizes, or None where the op refuses."""
    try:
        inferred = OPS[op].of(**arguments).infer(Shape((channels, *size)))
    except OpError:
        return None
    assert isinstance(inferred, Shape)
    return inferred.dims


def torchs(module: nn.Module, size: tuple[int, ...], device: str = "meta") -> tuple[int, ...] | None:
    """The executed sizes, or None where PyTorch refuses."""
    try:
        return tuple(module(torch.empty(2, 4, *size, device=device)).shape[1:])
    except RuntimeError:
        return None


@thoroughly
@given(sizes, pairs, steps, paddings, steps, st.sampled_from([1, 2, 4]))
def test_conv(size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> None:
    expected = torchs(nn.Conv2d(4, 8, kernel, stride, padding, dilation, groups, device="meta"), size)
    given = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    assert ours("conv", size, out_channels=8, **given) == expected


@thoroughly
@given(sizes, pairs, steps, paddings, steps)
def test_conv1d(size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> None:
    arguments = {"kernel_size": kernel[0], "stride": stride[0], "padding": padding[0], "dilation": dilation[0]}
    expected = torchs(nn.Conv1d(4, 8, **arguments, device="meta"), size[:1])
    assert ours("conv1d", size[:1], out_channels=8, **arguments) == expected


@thoroughly
@given(sizes, pairs, steps, paddings, paddings, steps)
def test_conv_transpose(size: Any, kernel: Any, stride: Any, padding: Any, more: Any, dilation: Any) -> None:
    arguments = {"stride": stride, "padding": padding, "output_padding": more, "dilation": dilation}
    # The meta device computes sizes without asking whether the output padding is allowed.
    expected = torchs(nn.ConvTranspose2d(4, 6, kernel, **arguments), size, device="cpu")
    assert ours("conv_transpose", size, out_channels=6, kernel_size=kernel, **arguments) == expected


@thoroughly
@given(sizes, pairs, st.none() | steps, paddings, steps, st.booleans())
def test_max_pool(size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> None:
    arguments = {"padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}
    if stride:
        arguments["stride"] = stride
    expected = torchs(nn.MaxPool2d(kernel, **arguments), size)
    assert ours("max_pool", size, kernel_size=kernel, **arguments) == expected


@thoroughly
@given(sizes, pairs, st.none() | steps, paddings, st.booleans())
def test_avg_pool(size: Any, kernel: Any, stride: Any, padding: Any, ceil_mode: bool) -> None:
    arguments = {"padding": padding, "ceil_mode": ceil_mode}
    if stride:
        arguments["stride"] = stride
    expected = torchs(nn.AvgPool2d(kernel, **arguments), size)
    assert ours("avg_pool", size, kernel_size=kernel, **arguments) == expected


@thoroughly
@given(sizes, pairs)
def test_adaptive_avg_pool(size: Any, output: Any) -> None:
    assert ours("adaptive_avg_pool", size, output_size=output) == torchs(nn.AdaptiveAvgPool2d(output), size)


@thoroughly
@given(sizes, st.floats(0.05, 5) | st.integers(1, 5))
def test_upsample(size: Any, factor: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = torchs(nn.Upsample(scale_factor=factor), size)
    found = ours("upsample", size, scale_factor=factor)
    assert found == (None if expected == (4, *size) and factor != 1 else expected)


@thoroughly
@given(st.integers(1, 40), st.integers(1, 40))
def test_chunk_and_split(channels: int, number: int) -> None:
    x = torch.empty(2, channels, device="meta")
    for op, parts in (("chunk", x.chunk(number, 1)), ("split", x.split(number, 1))):
        inferred = OPS[op].of(number).infer(Shape((channels,)))
        assert isinstance(inferred, list)
        assert [s.channels for s in inferred] == [p.shape[1] for p in parts]


@thoroughly
@given(st.integers(1, 12), st.integers(-15, 15), st.none() | st.integers(-15, 15))
def test_slice(channels: int, start: int, stop: int | None) -> None:
    kept = torch.empty(2, channels, device="meta")[:, start:stop].shape[1]
    assert ours("slice", (), channels, start=start, stop=stop) == ((kept,) if kept else None)


@thoroughly
@given(st.lists(st.integers(1, 4), min_size=2, max_size=5), st.integers(-6, 6), st.integers(-6, 6))
def test_flatten(dims: list[int], start: int, end: int) -> None:
    found = ours("flatten", tuple(dims[1:]), dims[0], start_dim=start, end_dim=end)
    rank = len(dims) + 1
    if start in (0, -rank) or end in (0, -rank):
        assert found is None, "the batch stays"
        return
    try:
        expected = tuple(torch.empty(7, *dims, device="meta").flatten(start, end).shape[1:])
    except (RuntimeError, IndexError):
        expected = None
    assert found == expected


@st.composite
def stretched(draw: st.DrawFn) -> list[Shape]:
    """Shapes made from one by putting ones for sizes and cutting from the left; sometimes a size that does not fit."""
    dims = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))

    def variant() -> Shape:
        own = [draw(st.sampled_from([d, d, d, 1, 3])) for d in dims]
        if draw(st.booleans()):
            return Shape(tuple(own))
        with_batch = [1, *own] if draw(st.booleans()) else own
        return Shape(tuple(with_batch[draw(st.integers(0, len(own) - 1)) :]), batched=False)

    return [variant() for _ in range(draw(st.integers(1, 3)))]


@thoroughly
@given(stretched())
def test_add_broadcasts_as_pytorch_does(shapes: list[Shape]) -> None:
    try:
        found = OPS["add"].of().infer(*shapes)
    except OpError:
        found = None
    # The batch is a size that no axis has, so that it fits batches and ones alone.
    sizes = [(97, *s.dims) if s.batched else s.dims for s in shapes]
    try:
        expected = tuple(torch.broadcast_shapes(*sizes))
    except RuntimeError:
        expected = None
    if expected is not None and 97 in expected[1:]:
        expected = None  # the batch would stand behind another axis
    if found is None or expected is None:
        assert found is None
        assert expected is None
        return
    assert isinstance(found, Shape)
    assert ((97, *found.dims) if found.batched else found.dims) == expected
