"""What a run of pytest was asked to test of networks."""

from __future__ import annotations

from dataclasses import dataclass

import click
import pytest

from archc.cli.options import byte_count


@dataclass(frozen=True)
class Settings:
    """``size`` bounds the height and width of inputs, ``memory`` the bytes that running a network may need."""

    numerics: bool
    size: int | None
    memory: int | None

    @staticmethod
    def of(config: pytest.Config) -> Settings:
        """From the command line, then the ini file. Raises pytest.UsageError."""
        return Settings(
            numerics=bool(config.getini("archc_numerics")) and not config.getoption("archc_no_numerics"),
            size=_size(config),
            memory=None if config.getoption("archc_large") else _memory(str(config.getini("archc_memory"))),
        )


def _size(config: pytest.Config) -> int | None:
    given = config.getoption("archc_size")
    text = str(config.getini("archc_size") or 0) if given is None else str(given)
    if not text.isdecimal():
        raise pytest.UsageError(f"archc_size is a height and width such as 64, not {text!r}")
    return int(text) or None


def _memory(text: str) -> int:
    try:
        return byte_count(text)
    except click.BadParameter:
        raise pytest.UsageError(f"archc_memory is a number of bytes such as 4Gi, not {text!r}") from None
