"""Checking of spec files: every variant compiled, each line of ``expect`` tested, tables compared with snapshots.

Reads files and gives a ``Report``; ``formats`` writes it for people and for programs.
"""

from __future__ import annotations

from archc.checking.check import check, check_file
from archc.checking.collect import spec_files
from archc.checking.report import Checked, Report, Snapshot, Variant

__all__ = ["Checked", "Report", "Snapshot", "Variant", "check", "check_file", "spec_files"]
