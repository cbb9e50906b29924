"""What is said to carry over is what ``load_state_dict`` takes."""

from __future__ import annotations

import pytest
import torch

import archc
from archc.graph.comparison import Comparison
from archc.network import Network
from tests.diff.conftest import NetworkOf

PAIRS = [
    ("resnet18", "resnet34", {}),
    ("resnet34", "resnet18", {}),
    ("resnet18", "resnet18", {"num_classes": 10}),
    ("squeezenet1_0", "squeezenet1_1", {}),
    ("mnasnet0_5", "mnasnet1_0", {}),
]


def taken(a: Network, b: Network) -> None:
    """Load A's shared tensors into B, and compare with what was said."""
    weights = Comparison(a.graph, b.graph).weights
    old, module = a.module().state_dict(), b.module()
    new = module.state_dict()
    carried = [p.b.key for p in weights.carried]
    assert all(old[key].dtype == new[key].dtype for key in carried)
    marked = type(old)({key: torch.full_like(old[key], 7) for key in carried})
    marked._metadata = new._metadata  # without it the counts of batch norms need not be there
    missing, unexpected = module.load_state_dict(marked, strict=False)
    assert not unexpected
    others = [*(e.key for e in weights.fresh), *(p.b.key for p in (*weights.reshaped, *weights.other_op))]
    assert sorted(missing) == sorted(others)
    assert all(torch.equal(module.state_dict()[key], marked[key]) for key in carried)
    assert sorted(old) == sorted(
        [*carried, *(e.key for e in weights.dropped), *(p.a.key for p in (*weights.reshaped, *weights.other_op))]
    )
    # What is said not to fit is refused, or is what another op reads.
    for pair in weights.reshaped:
        with pytest.raises(RuntimeError, match="size mismatch"):
            module.load_state_dict({pair.a.key: old[pair.a.key]}, strict=False)
    fits = {key for key in old.keys() & new.keys() if old[key].shape == new[key].shape}
    assert fits - set(carried) == {p.b.key for p in weights.other_op}


@pytest.mark.parametrize(("a", "b", "options"), PAIRS, ids=lambda v: v if isinstance(v, str) else None)
def test_networks_of_the_library(a: str, b: str, options: dict[str, int]) -> None:
    taken(archc.compile(a), archc.compile(b, **options))


def test_a_norm_of_another_kind_is_no_heir(network: NetworkOf) -> None:
    a = network("body:\n  conv: conv(4, 1)\n  norm: batch_norm\n")
    b = network("body:\n  conv: conv(4, 1)\n  norm: group_norm(2)\n")
    assert [p.b.key for p in Comparison(a.graph, b.graph).weights.other_op] == ["norm.weight", "norm.bias"]
    taken(a, b)


def test_numbers_that_moved(network: NetworkOf) -> None:
    text = "body:\n  features:\n    - conv(3, 1)\n    - tanh\n    - conv(3, 1)\n    - batch_norm\n"
    taken(network(text), network(text.replace("features:\n", "features:\n    - conv(3, 1)\n    - sigmoid\n")))


def test_what_was_renamed_fits_under_its_former_name(network: NetworkOf) -> None:
    a = network("body:\n  layer1:\n    conv: conv(4, 1)\n    norm: batch_norm\n  fc: conv(2, 1)\n")
    b = network("body:\n  stage1:\n    conv: conv(4, 1)\n    norm: batch_norm\n  fc: conv(2, 1)\n")
    taken(a, b)
    weights = Comparison(a.graph, b.graph).weights
    old = a.module().state_dict()
    state = {p.b.key: old[p.a.key] for p in (*weights.carried, *weights.renamed)}
    b.module().load_state_dict(state, strict=True)
