"""Whatever the spec, the written module is the graph: random specs against the layers run one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.source.checks import check, graph_of
from tests.source.random_specs import Specs


@pytest.mark.parametrize("seed", range(60))
def test_the_module_keeps_keys_and_results(seed: int, tmp_path: Path) -> None:
    check(graph_of(tmp_path, Specs(seed).write()))
