"""Benchmarks: ``make bench``. Each compares two things in one run, since only ratios travel between machines."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.benchmarks.measure import Report


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Generator[Report]:
    rows = Report()
    yield rows
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print()
        rows.print()
