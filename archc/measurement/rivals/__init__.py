"""Others that run the same network: what ``--against`` compares with.

A rival is a module of this package, known by its entry in ``RIVALS``. Its ``candidates(case)`` gives what is to be
timed, by name; a library that is missing, or a network that it can't take, is a ``RivalError``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import cast

from archc.diagnostics.diagnostic import RequestError
from archc.measurement.rivals.base import Candidate, Case, RivalError
from archc.measurement.subject import Subject

__all__ = ["RIVALS", "Candidate", "Case", "RivalError", "candidates", "require"]

# Name → its module, and the libraries that it needs: as Python imports them, and as pip calls them.
RIVALS: dict[str, tuple[str, Mapping[str, str]]] = {
    "torch": ("eager", {"torch": "torch"}),
    "torch-compile": ("compiled", {"torch": "torch"}),
    "torch-export": ("exported", {"torch": "torch", "onnxscript": "onnxscript"}),
    "openvino": ("openvino_runtime", {"openvino": "openvino"}),
}


def require(names: Sequence[str], subject: Subject) -> None:
    """Raises RequestError where a library is missing, with the line that brings it, or torch does not get a network."""
    missing = {
        library: package for name in names for library, package in RIVALS[name][1].items() if find_spec(library) is None
    }
    if missing:
        raise RequestError(
            f"--against {', '.join(names)} needs {', '.join(missing)}, which is not installed",
            f"pip install {' '.join(missing.values())}",
        )
    if any("torch" in RIVALS[name][1] for name in names):
        subject.known()


def candidates(name: str, case: Case) -> list[Candidate]:
    """What the rival would have timed. Raises RivalError where it can't run the network."""
    made = import_module(f"archc.measurement.rivals.{RIVALS[name][0]}")
    return cast("Callable[[Case], list[Candidate]]", made.candidates)(case)
