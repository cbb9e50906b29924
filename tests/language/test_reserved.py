"""The names that no child may have are those of PyTorch's modules."""

from __future__ import annotations

import pytest

from archc.language.reserved import RESERVED


def test_every_attribute_of_a_module_is_reserved() -> None:
    nn = pytest.importorskip("torch.nn")
    own = {name for name in dir(nn.Module()) if not name.startswith("__")}
    assert own - RESERVED == set(), "attributes of nn.Module that are not reserved"


def test_ordinary_names_are_free() -> None:
    """Names that torchvision's networks use."""
    assert RESERVED.isdisjoint(
        {"blocks", "body", "repeat", "features", "head", "block", "inputs", "name", "op", "graph"}
    )
