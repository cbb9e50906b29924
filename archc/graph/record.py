"""What a network was compiled from, and how it was asked for: enough to compile it again elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Of paths, the first part: a file of the library, or one of the caller's, seen from the folder that holds all of these.
LIBRARY, SPEC = "library", "spec"


@dataclass(frozen=True, slots=True)
class Record:
    """Paths begin with ``spec/`` or ``library/``, and have ``/`` between their parts.

    ``main`` is the spec, one of ``specs``; ``specs`` are it and all that it uses; ``beside`` files of labels; ``links``
    other names by which specs use one another, to those that they have here. ``params`` and ``input`` are what the
    caller gave in place of the variant's own.
    """

    main: str
    specs: Mapping[str, str]
    beside: Mapping[str, str] = field(default_factory=dict[str, str])
    links: Mapping[str, str] = field(default_factory=dict[str, str])
    variant: str = ""
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    input: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
