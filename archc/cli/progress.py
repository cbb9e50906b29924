"""What is said of long work while it goes on."""

from __future__ import annotations

import sys

import click


def say(text: str) -> None:
    """On stderr, and only to people who watch."""
    if sys.stderr.isatty():
        click.echo(text, err=True)
