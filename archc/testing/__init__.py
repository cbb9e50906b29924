"""Specs as tests of pytest: what `archc.pytest_plugin` registers where it is asked to."""

from __future__ import annotations


class SpecWarning(UserWarning):
    """What archc warns of in a spec that compiles. It is filtered as any: ``-W error::archc.testing.SpecWarning``."""
