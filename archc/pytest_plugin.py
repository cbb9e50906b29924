"""The pytest plugin: ``pytest --archc specs/`` tests every network of every spec.

pytest imports this module in every run of every suite where archc is installed, so that there is nothing in it but
options. What collects and tests, `archc.testing`, is imported for ``--archc`` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

MEMORY = "3Gi"  # of which two workers have room on the usual machine of a CI
MARKERS = ("archc: a test of a spec", "archc_numeric: one that runs the network with random weights")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("archc", "specs of convolutional networks (archc)")
    group.addoption(
        "--archc", action="store_true",
        help="test specs too: the *.yaml and *.yml files named, and of those in the folders named the ones that have a "
        "top-level key stem, body, head, blocks, variants or expect (hidden files and other YAML are left alone). "
        "Each variant: it compiles, each line of its `expect`, module = ONNX, finite gradients; each file: the table "
        "that `archc check --update` keeps beside it",
    )  # fmt: skip
    group.addoption(
        "--archc-no-numerics", action="store_true",
        help="leave out the tests that run networks (ini: archc_numerics)",
    )  # fmt: skip
    group.addoption(
        "--archc-size", type=int, metavar="N",
        help="run networks on inputs of at most N × N, where they compile with these (ini: archc_size)",
    )  # fmt: skip
    group.addoption(
        "--archc-large", action="store_true",
        help=f"run networks of any size; without, those that need more memory than the ini's archc_memory ({MEMORY}) "
        "are skipped",
    )  # fmt: skip
    parser.addini("archc_numerics", "whether --archc runs networks with random weights", "bool", True)
    parser.addini("archc_size", "the height and width of inputs to run networks on, at most; 0: as the spec has them")
    parser.addini("archc_memory", f"networks that need more to be run are skipped ({MEMORY})", default=MEMORY)


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if config.getoption("archc"):
        from archc.testing.collection import Specs

        config.pluginmanager.register(Specs(config), "archc-specs")
