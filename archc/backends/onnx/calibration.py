"""What a caller says of calibration. Nothing heavy is imported here: the command line reads it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archc.diagnostics.diagnostic import RequestError
from archc.diagnostics.errors.suggest import did_you_mean

METHODS = ("minmax", "entropy", "percentile", "mse")  # the first is the default
LIMIT = 128  # samples
RANDOM = "random"
FOLDER = "folder:"
HINT = "--calibrate folder:PATH takes images, --calibrate FILE.npy arrays that are preprocessed; `random` is to try"


@dataclass(frozen=True, slots=True)
class Calibration:
    """On what to calibrate, and how.

    ``source`` is ``folder:PATH``, a ``.npy`` or ``.npz`` file (N × C × H × W, preprocessed), or ``random``; of it at
    most ``limit`` samples are taken. ``reduce_range`` gives weights 7 bits: x86 without VNNI adds products of u8 and s8
    in pairs in 16 bits, and saturates with 8. Raises RequestError for a method that there is not.
    """

    source: str
    method: str = METHODS[0]
    limit: int = LIMIT
    reduce_range: bool = False

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            hint = did_you_mean(self.method, METHODS) or f"methods: {', '.join(METHODS)}"
            raise RequestError(f"--calibrate-method: there is no method `{self.method}`", hint)
        if self.limit < 1:
            raise RequestError(f"--calibrate-limit {self.limit}: it takes one sample at least")

    @classmethod
    def of(
        cls, source: str | os.PathLike[str] | None, method: str | None, limit: int | None, reduce_range: bool
    ) -> Calibration | None:
        """Of a caller's arguments; None where there is none. Raises RequestError for some without a source."""
        given = {"method": method, "limit": limit, "reduce_range": reduce_range or None}
        chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if source is not None:
            return cls(os.fspath(source), **chosen)
        if chosen:
            raise RequestError("how to calibrate is said, and not on what", HINT)
        return None

    @property
    def arguments(self) -> dict[str, Any]:
        """Those that ask for this, apart from defaults; of a path the last name, since the rest is one machine's."""
        path = self.path
        return {
            "calibrate": self.source if path is None else path.resolve().name,
            "calibrate_method": self.method if self.method != METHODS[0] else None,
            "calibrate_limit": self.limit if self.limit != LIMIT else None,
            "reduce_range": self.reduce_range or None,
        }

    @property
    def path(self) -> Path | None:
        """The file or the folder; None for random numbers."""
        return None if self.source == RANDOM else path_of(self.source)


def path_of(source: str) -> Path:
    """The folder of ``folder:PATH``, or the file."""
    return Path(source.removeprefix(FOLDER))
