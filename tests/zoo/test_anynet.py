"""AnyNet's design spaces are nested as in the paper, and a RegNet is one AnyNet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
import yaml

import archc
from archc.checking import check_file
from tests.zoo.reference import MODELS, perturb_batch_norms, torchvision_model

SPEC = MODELS / "anynet.yaml"
SPACES = ("anynet_a", "anynet_b", "anynet_c", "anynet_d", "anynet_e")

# The stages of the two RegNets as the paper's figures 15 and 16 have them: depths, widths, group widths, and the part
# to which squeeze-and-excitation squeezes.
REGNETS = {
    "regnet_x_3_2gf": ([2, 6, 15, 2], [96, 192, 432, 1008], [48] * 4, 0.0),
    "regnet_y_1_6gf": ([2, 6, 17, 2], [48, 120, 336, 888], [24] * 4, 0.25),
}


@pytest.mark.parametrize("space", SPACES)
def test_each_network_is_in_its_space_and_in_no_smaller_one(space: str, tmp_path: Path) -> None:
    spec = yaml.safe_load(SPEC.read_text(encoding="utf-8"))
    rules = [rule for rule in spec["expect"][SPACES[-1]]["constraints"] if rule != "drawn"]
    assert len(rules) == len(SPACES) - 1
    broken = _unmet_constraints(tmp_path, space, ["drawn", *rules])
    own = SPACES.index(space)
    assert spec["expect"][space]["constraints"] == ["drawn", *rules[:own]]
    assert rules[own] in broken if own < len(rules) else not broken
    assert not broken & {"drawn", *rules[:own]}


@pytest.mark.parametrize(
    "change",
    [
        "ratios: [1, 2, 4, 8]",
        "group_widths: [8, 16, 4, 64]",
        "widths: [36, 160, 320, 256]",
        "widths: [48, 160, 320, 1056]",
        "depths: [3, 6, 17, 2]",
    ],
)
def test_a_stage_outside_the_paper_s_bounds_is_told(change: str, tmp_path: Path) -> None:
    assert _unmet_constraints(tmp_path, "anynet_a", ["drawn"], change) == {"drawn"}


@pytest.mark.parametrize("name", REGNETS)
def test_regnet_is_an_anynet(name: str) -> None:
    depths, widths, group_widths, se = REGNETS[name]
    torch.manual_seed(0)
    theirs = torchvision_model(name)
    perturb_batch_norms(theirs)
    stages = {"depths": depths, "widths": widths, "group_widths": group_widths, "ratios": [1] * 4, "se": se}
    ours = archc.compile("anynet_e", **stages, input=[3, 64, 64]).module()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(ours.eval()(x), theirs.eval()(x))


def _unmet_constraints(folder: Path, variant: str, rules: list[str], change: str = "") -> set[str]:
    """Which of the constraints a variant breaks. ``change`` replaces a parameter's default in the file."""
    text, expected = SPEC.read_text(encoding="utf-8").split("\nexpect:\n")
    assert expected
    if change:
        text, found = re.subn(rf"^  {change.partition(':')[0]}: .*$", f"  {change}", text, count=1, flags=re.MULTILINE)
        assert found
    lines = "".join(f"      - {rule}\n" for rule in rules)
    path = folder / "anynet.yaml"
    path.write_text(f"{text}\nexpect:\n  {variant}:\n    constraints:\n{lines}", encoding="utf-8")
    checked = check_file(path)
    assert not checked.diagnostics
    return {expectation.expected for _, expectation in checked.unmet}
