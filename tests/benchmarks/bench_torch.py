"""The generated module beside torchvision's: forward in eval mode, and a training step."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import pytest
import torch
from torch import Tensor, nn

import archc
from tests.benchmarks.measure import Report, interleave, paired
from tests.support.vision import import_torchvision

TOLERANCE = 0.03


def forward(module: nn.Module) -> Callable[[], Tensor]:
    module.eval()
    x = torch.rand(4, 3, 224, 224)

    def run() -> Tensor:
        with torch.inference_mode():
            return module(x)

    return run


def step(module: nn.Module) -> Callable[[], None]:
    module.train()
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-3)
    x, y = torch.rand(8, 3, 128, 128), torch.arange(8)

    def run() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(x), y).backward()
        optimizer.step()

    return run


@pytest.mark.parametrize("name", ["resnet50", "densenet121"])
@pytest.mark.parametrize("work", [forward, step])
def test_the_generated_module_is_as_fast_as_torchvisions(
    report: Report, name: str, work: Callable[[nn.Module], Callable[[], object]]
) -> None:
    theirs = getattr(import_torchvision().models, name)()
    ours = archc.compile(name).module()
    ours.load_state_dict(theirs.state_dict())
    first, second = interleave(work(ours), work(theirs), rounds=45)  # single rounds differ by some percent
    ratio = paired(first, second)
    figures = (f"{median(t) * 1000:.0f} ms" for t in (first, second))
    report.add(f"{name}: {work.__name__}", *figures, f"{ratio:.3f}", f"≤ {1 + TOLERANCE:.2f}")
    assert ratio <= 1 + TOLERANCE
