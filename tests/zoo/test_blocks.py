"""Blocks, stems and heads that no shipped model uses yet, against torchvision's modules; and a call of every one."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

import archc
from archc.network import Network
from tests.support.vision import import_torchvision
from tests.zoo.reference import perturb_batch_norms

LIBRARY = Path(__file__).parents[2] / "specs"


def _compile(folder: Path, file: str, block: str, call: str) -> Network:
    """A network that is one call of a library block, at the child ``block``."""
    text = f"name: mine\ninput: [16, 32, 32]\nuse:\n  {file}: [{block}]\nbody:\n  block: {call}\n"
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return archc.compile(str(path))


def _torchvision_block(kind: str) -> nn.Module:
    import_torchvision()
    from torchvision.models.efficientnet import MBConv, MBConvConfig
    from torchvision.models.mobilenetv2 import InvertedResidual
    from torchvision.models.mobilenetv3 import InvertedResidual as InvertedResidualV3
    from torchvision.models.mobilenetv3 import InvertedResidualConfig
    from torchvision.ops import SqueezeExcitation

    batch_norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
    makers: dict[str, Callable[[], nn.Module]] = {
        "squeeze_excite": lambda: SqueezeExcitation(16, 4),
        "inverted_residual": lambda: InvertedResidual(16, 16, 1, 6),
        "inverted_residual, halved": lambda: InvertedResidual(16, 24, 2, 1),
        "mobilenet_v3": lambda: InvertedResidualV3(
            InvertedResidualConfig(16, 5, 40, 16, True, "HS", 1, 1, 1.0), batch_norm
        ),
        "efficientnet": lambda: MBConv(MBConvConfig(6, 3, 1, 16, 16, 1), 0.3, nn.BatchNorm2d),
    }
    return makers[kind]()


CALLS = {
    "squeeze_excite": ("blocks/squeeze_excite", "squeeze_excite(4)"),
    "inverted_residual": ("blocks/inverted_residual", "inverted_residual(16, 1, 6)"),
    "inverted_residual, halved": ("blocks/inverted_residual", "inverted_residual(24, 2, 1)"),
    "mobilenet_v3": (
        "blocks/inverted_residual",
        "mbconv(40, 16, 5, squeeze=16, act=hardswish, gate=hardsigmoid, eps=0.001, momentum=0.01)",
    ),
    "efficientnet": ("blocks/inverted_residual", "mbconv(96, 16, squeeze=4, squeeze_act=silu, drop=0.3)"),
}


@pytest.mark.parametrize("kind", CALLS)
def test_it_computes_what_torchvision_s_does(kind: str, tmp_path: Path) -> None:
    file, call = CALLS[kind]
    torch.manual_seed(0)
    theirs = nn.ModuleDict({"block": _torchvision_block(kind)})
    perturb_batch_norms(theirs)
    ours = _compile(tmp_path, file, call.partition("(")[0], call).module()
    assert [(k, v.shape) for k, v in ours.state_dict().items()] == _sorted_as(ours, theirs)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(4, 16, 32, 32)
    for train in (False, True):
        torch.manual_seed(1)
        expected = theirs.train(train)["block"](x)
        torch.manual_seed(1)
        assert torch.equal(ours.train(train)(x), expected)


def _sorted_as(ours: nn.Module, theirs: nn.Module) -> list[tuple[str, torch.Size]]:
    state = theirs.state_dict()
    return [(key, state[key].shape) for key in ours.state_dict()]


# Arguments for the parameters that have no default, by name.
ARGUMENTS = {
    "out": 24, "width": 24, "n": 2, "kernel": 3, "growth": 8, "num_classes": 10, "stride": 2, "squeeze": 4,
    "expand": 16, "hidden": 32, "pool_features": 8, "c7": 8, "c1": 8, "c2": [8, 8], "c3": [8, 8], "c4": 8,
    "number": 1, "depth": 2, "group_width": 8, "depths": [1, 2], "widths": [16, 24], "group_widths": [8, 8],
    "ratios": [1, 1],
}  # fmt: skip
# Of two maps or of several, of three channels, and of blocks that the caller would have to name: tested in models.
ELSEWHERE = ("up_block", "fpn", "imagenet_to_unit", "efficient_features")
HEADERS = [
    (path.relative_to(LIBRARY).with_suffix("").as_posix(), header)
    for folder in ("blocks", "stems", "heads")
    for path in sorted((LIBRARY / folder).glob("*.yaml"))
    for header in yaml.safe_load(path.read_text(encoding="utf-8"))["blocks"]
    if not header.startswith(ELSEWHERE)
]


@pytest.mark.parametrize(("file", "header"), HEADERS, ids=[f"{file}:{header}" for file, header in HEADERS])
def test_a_call_with_its_defaults_makes_a_module_that_runs(file: str, header: str, tmp_path: Path) -> None:
    match = re.fullmatch(r"(\w+)(?:\((.*)\))?", header)
    assert match
    name, parameters = match.groups()
    required = [p for p in re.split(r",\s*(?![^()]*\))", parameters or "") if p and "=" not in p]
    call = f"{name}({', '.join(f'{p}={ARGUMENTS[p]}' for p in required)})"
    module = _compile(tmp_path, file, name, call).module()
    given = module.eval()(torch.randn(2, 16, 32, 32))
    assert given.shape[0] == 2 and given.isfinite().all()
