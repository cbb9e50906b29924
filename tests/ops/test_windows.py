"""Ops with a window agree with PyTorch on any arguments: what fits, the size, the values; and say what is wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch

from archc.ops import OPS, Op, OpError, Shape
from tests.support.ops import Case, executed, load, random_weights, relative_error, run_onnx, run_torch

DRAWS = 60


def _pair(draw: random.Random, low: int, high: int) -> list[int]:
    return [draw.randint(low, high), draw.randint(low, high)]


def _convolution(draw: random.Random) -> dict[str, Any]:
    return {
        "out_channels": draw.randint(1, 6),
        "kernel_size": _pair(draw, 1, 4),
        "stride": _pair(draw, 1, 3),
        "padding": _pair(draw, 0, 2),
        "dilation": _pair(draw, 1, 2),
        "groups": draw.choice([1, 1, 2, 3]),
        "bias": draw.random() < 0.5,
    }


def _conv_transpose(draw: random.Random) -> dict[str, Any]:
    return _convolution(draw) | {"output_padding": draw.choice([[0, 0], _pair(draw, 0, 2)])}


def _pool(draw: random.Random) -> dict[str, Any]:
    return {
        "kernel_size": _pair(draw, 1, 4),
        "stride": _pair(draw, 1, 4),
        "padding": [min(p, draw.randint(0, 2)) for p in _pair(draw, 0, 2)],
        "ceil_mode": draw.random() < 0.6,
    }


def _max_pool(draw: random.Random) -> dict[str, Any]:
    return _pool(draw) | {"dilation": draw.choice([[1, 1], _pair(draw, 1, 3)])}


def _avg_pool(draw: random.Random) -> dict[str, Any]:
    return _pool(draw) | {"count_include_pad": draw.random() < 0.5}


def _adaptive_avg_pool(draw: random.Random) -> dict[str, Any]:
    return {"output_size": _pair(draw, 1, 9)}


def _blur_pool(draw: random.Random) -> dict[str, Any]:
    mode = draw.choice(["reflect", "replicate", "circular", "constant"])
    return {"stride": _pair(draw, 1, 3), "size": draw.randint(1, 6), "mode": mode}


def _lrn(draw: random.Random) -> dict[str, Any]:
    return {"size": draw.randint(1, 9), "alpha": draw.random(), "beta": draw.random(), "k": 1 + draw.random()}


ARGUMENTS: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    "conv": _convolution,
    "std_conv": _convolution,
    "conv_transpose": _conv_transpose,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "adaptive_avg_pool": _adaptive_avg_pool,
    "blur_pool": _blur_pool,
    "lrn": _lrn,
}


def _drawn(name: str) -> list[Case]:
    draw = random.Random(name)
    return [
        Case(OPS[name].of(**ARGUMENTS[name](draw)), (Shape((draw.randint(1, 6), *_pair(draw, 1, 8))),))
        for _ in range(DRAWS)
    ]


def _accepted(case: Case) -> bool:
    try:
        case.op.infer(*case.on)
    except OpError:
        return False
    return True


def _runs(case: Case) -> bool:
    """Whether PyTorch makes the op on this input, and something comes out."""
    try:
        (y,) = run_torch(executed(case.op.torch(*case.on)).eval(), case.inputs(1))
    except (RuntimeError, ValueError):
        return False
    return y.numel() > 0


@pytest.mark.parametrize("name", ARGUMENTS)
def test_what_is_refused_is_what_pytorch_refuses(name: str) -> None:
    for case in _drawn(name):
        assert _accepted(case) == _runs(case), case


@pytest.mark.parametrize("name", ARGUMENTS)
def test_sizes_and_values_are_those_of_pytorch(name: str) -> None:
    accepted = [case for case in _drawn(name) if _accepted(case)]
    assert len(accepted) > DRAWS / 5
    for case in accepted:
        weights, inputs = random_weights(case), case.inputs(2)
        (y,) = run_torch(load(executed(case.op.torch(*case.on)), weights).eval(), inputs)
        assert tuple(y.shape[1:]) == case.results[0].dims, case
        ((found,),) = run_onnx(case, weights, [inputs])
        finite = torch.isfinite(y).numpy()  # a dilated window of padding alone has the maximum −∞
        assert (found[~finite] == y.numpy()[~finite]).all()
        assert relative_error(found[finite], y.numpy()[finite]) <= 1e-5, case


def _refused(op: Op, *on: Shape) -> OpError:
    with pytest.raises(OpError) as caught:
        op.infer(*on)
    return caught.value


def of(call: str, *args: Any, **kwargs: Any) -> Op:
    return OPS[call].of(*args, **kwargs)


MAP, FLAT = Shape((4, 2, 3)), Shape((4,))


@pytest.mark.parametrize(
    ("op", "on", "code", "argument", "help"),
    [
        (of("conv", 4, 3), MAP, "window-too-large", "kernel_size", "padding=1 keeps the size"),
        (of("conv", 4, [3, 5], stride=2), MAP, "window-too-large", "kernel_size", "padding=[1, 2] makes it fit"),
        (of("max_pool", 3, dilation=3), MAP, "window-too-large", "kernel_size", "make the window smaller"),
        (of("blur_pool", size=7), MAP, "window-too-large", "size", 'mode="replicate"'),
        (of("max_pool", 2, padding=2), MAP, "wrong-argument", "padding", "a `pad` before it"),
        (of("conv", 6, 1, groups=8), MAP, "groups-indivisible", "groups", "groups=2 divides both 4 and 6"),
        (of("group_norm", 6), MAP, "groups-indivisible", "num_groups", "num_groups=2 divides 4"),
        (of("conv_transpose", 4, 1, padding=2), MAP, "shape-mismatch", "padding", "takes pixels away"),
        (of("conv", 4, 3), FLAT, "rank-mismatch", None, "before the `flatten`"),
        (of("global_avg_pool"), FLAT, "rank-mismatch", None, "before the `flatten`"),
        (of("conv1d", 4, 3), MAP, "rank-mismatch", None, "`flatten(2)`"),
        (of("lrn", 5), FLAT, "rank-mismatch", None, "before the `flatten`"),
        (of("batch_norm"), Shape((4, 2, 2, 2)), "rank-mismatch", None, "`flatten(2)`"),
        (of("batch_norm"), Shape((2, 4), batched=False), "rank-mismatch", None, "`add` or `mul`"),
    ],
    ids=lambda v: v.summary() if isinstance(v, Op) else None,
)
def test_mistakes_are_named_where_they_are(op: Op, on: Shape, code: str, argument: str | None, help: str) -> None:
    error = _refused(op, on)
    assert (error.code, error.argument) == (code, argument)
    assert f"`{op.name}`" in error.message
    assert error.found
    assert error.help is not None
    assert help in error.help


SUMMARIES = [
    (of("conv", 64, 7, stride=2, padding=3, bias=False), "conv 7×7 /2 p3"),
    (of("conv", 64, 3, padding=1, groups=32), "conv 3×3 p1 g32"),
    (of("conv", 64, [1, 7], padding=[0, 3], dilation=2), "conv 1×7 p0×3 d2"),
    (of("conv_transpose", 8, 2, stride=2), "conv_transpose 2×2 /2"),
    (of("max_pool", 3, stride=2, padding=1), "max_pool 3×3 /2 p1"),
    (of("max_pool", 2), "max_pool 2×2 /2"),
    (of("max_pool", 3, stride=2, ceil_mode=True), "max_pool 3×3 /2 ceil"),
    (of("adaptive_avg_pool", 7), "adaptive_avg_pool 7×7"),
    (of("batch_norm"), "batch_norm"),
    (of("linear", 10), "linear"),
]


@pytest.mark.parametrize(("op", "text"), SUMMARIES, ids=[text for _, text in SUMMARIES])
def test_a_table_shows_the_arguments_that_matter(op: Op, text: str) -> None:
    assert op.summary() == text
