"""Whether weights are those of a network: key by key, shape by shape, as strictly as torch's ``load_state_dict``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from archc.backends.weights import tensors_of
from archc.display.names import some
from archc.display.numbers import by_axis, count
from archc.display.text import clean
from archc.graph.graph import Graph

SHOWN = 5  # keys of each kind that a message lists


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A tensor under the right key, of a wrong shape or type."""

    key: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"`{self.key}` is {self.found}, not {self.expected}"


@dataclass(frozen=True, slots=True)
class Implied:
    """A parameter of the network that its file of weights decided, and what in the file did."""

    name: str
    value: Any
    why: str

    def __str__(self) -> str:
        return f"{self.name}={setting(self.value)}: {self.why}"


@dataclass(frozen=True, slots=True)
class Made:
    """The network that a file of weights was written from, as its metadata has it.

    ``same`` is whether that network computes the same from its weights as the one at hand, ``related`` whether they
    are of one spec; ``changed`` has the parameters in which they differ, each with its value there and here.
    """

    spec: str
    same: bool
    related: bool
    changed: Mapping[str, tuple[Any, Any]] = field(default_factory=dict[str, tuple[Any, Any]])

    def differs(self, name: str, *, fits: bool) -> list[str]:
        """What is said of a file that was made from a network of another structure than that of ``name``.

        ``fits`` is whether its keys and shapes are those of that network all the same: else no option takes it.
        """
        there, here = (
            ", ".join(clean(f"{key}={setting(pair[i])}", 80) for key, pair in self.changed.items()) for i in (0, 1)
        )
        edited = ["  its spec has been edited since"] if self.related else []
        anyway = ", or take the weights as they are: --other-structure (other_structure=True)" if fits else ""
        return [
            f"was made from {self.spec}, which computes something else than {name}",
            *([f"  there {there}; here {here}"] if there else edited),
            f"help: build the network that it was made from{anyway}",
        ]


@dataclass(frozen=True)
class Report:
    """How the tensors of a file compare with the state_dict of a network.

    Each of the network's ``expected`` keys is in one of ``loaded``, ``counters`` (batches counted, from 0, as the file
    has no such counts), ``fresh`` (of another number of classes, as was asked), ``missing`` and ``mismatched``; each of
    the file's keys that is in none of these, in ``unexpected`` or ``dropped``. ``renamed`` maps keys of the file to
    those under which they were loaded.
    """

    expected: int
    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[Mismatch, ...]
    counters: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict[str, str])
    classes: tuple[int, int] | None = None  # the file's and the network's, where they differ and nothing else does
    params: tuple[Implied, ...] = ()
    notes: tuple[str, ...] = ()
    made: Made | None = None
    help: str = ""

    @property
    def ok(self) -> bool:
        """Whether the file loads strictly."""
        return self.fits and (self.made is None or self.made.same)

    @property
    def fits(self) -> bool:
        """Whether keys, shapes and types are the network's."""
        return not (self.missing or self.unexpected or self.mismatched)

    def takes(self, *, partial: bool, other_structure: bool) -> bool:
        """Whether the file is loaded under these options (those of ``archc.backends.weights.loading.load``)."""
        if partial:
            return bool(self.loaded)
        return self.fits and (other_structure or self.ok)

    @property
    def started(self) -> tuple[str, ...]:
        """The keys that start fresh where the file is loaded as far as it fits."""
        return (*self.fresh, *self.missing, *(m.key for m in self.mismatched))

    def __str__(self) -> str:
        """The differences, the first few of each kind, and what may have led to them."""
        lines = [f"{len(self.loaded)} of {self.expected} weights fit", *self.differences()]
        return "\n".join([*lines, *self._help()])

    def remarks(self, seed: int) -> list[str]:
        """What is to be said of weights that were not taken as they are, a line each."""
        return [*self.effects(seed), *self.forms()]

    def effects(self, seed: int) -> list[str]:
        """What makes the result another than that of the network asked for with the weights of the file."""
        lines = [str(p) for p in self.params]
        lines += [self.fresh_start(seed)] if self.fresh else []
        if self.dropped:
            lines.append(f"left out of the file: {count(len(self.dropped), 'tensor')}, {_some(self.dropped)}")
        if self.made is not None and not self.made.same:
            lines.append(f"the file was made from {self.made.spec}, which computes something else")
        if not self.fits:
            started = len(self.missing) + len(self.mismatched)
            lines.append("\n".join([f"{count(started, 'weight')} start fresh (seed {seed}):", *self.differences()]))
        return lines

    def forms(self) -> list[str]:
        """In what form the file had its weights, where that is not the network's."""
        lines = list(self.notes)
        if self.counters:
            lines.append(f"the file counts no batches: its {len(self.counters)} num_batches_tracked are 0")
        if self.renamed:
            first = " → ".join(map(key_text, next(iter(self.renamed.items()))))
            lines.append(f"renamed: {count(len(self.renamed), 'key')}, such as {first}")
        return lines

    def fresh_start(self, seed: int) -> str:
        """Which weights start fresh, since another number of classes was asked for than the file's."""
        theirs, ours = self.classes or ("others", "as asked")
        return f"{_some(self.fresh)} start fresh (seed {seed}): num_classes={ours}, the file has {theirs}"

    def differences(self) -> list[str]:
        """The differences, the first few of each kind."""
        from difflib import get_close_matches  # only where something is missing

        close = {key: get_close_matches(key, self.unexpected, 1, 0.8) for key in self.missing[:SHOWN]}
        lines = _listed("missing", self.missing, [f"`{k}`" + _hint(close[k]) for k in self.missing[:SHOWN]])
        lines += _listed("unexpected", self.unexpected, [f"`{key_text(k)}`" for k in self.unexpected[:SHOWN]])
        lines += _listed("of another shape or type", self.mismatched, [str(m) for m in self.mismatched[:SHOWN]])
        return lines

    def _help(self) -> list[str]:
        if self.help:
            return [f"help: {self.help}"]
        if self.mismatched and not self.missing and not self.unexpected and len(self.mismatched) <= 4:
            return ["help: only a few shapes differ: was the file made with other parameters?"]
        return []


def match(graph: Graph, tensors: Mapping[str, Any]) -> Report:
    """Compare keys, shapes and types with those of the graph's state_dict; every difference counts.

    Integers may be stored as floating-point numbers, and floating-point numbers in any precision.
    """
    stored = tensors_of(tensors).stored
    entries = {entry.key: entry.weight for entry in graph.state}
    loaded: list[str] = []
    mismatched: list[Mismatch] = []
    for key, weight in entries.items():
        if key not in stored:
            continue
        integer = weight.dtype == "int64"
        expected = described(weight.shape, integer)
        # Counts come as floats where a whole state_dict was made half precision; torch takes them as well.
        found = described(stored[key].shape, stored[key].integer or integer)
        if expected == found:
            loaded.append(key)
        else:
            mismatched.append(Mismatch(key, expected, found))
    missing = tuple(key for key in entries if key not in stored)
    unexpected = tuple(key for key in stored if key not in entries)
    return Report(len(entries), tuple(loaded), missing, unexpected, tuple(mismatched))


def key_text(key: str) -> str:
    """A key as messages show it, which may be a file's and so anything."""
    return clean(key, 200)


def described(shape: tuple[int, ...], integer: bool) -> str:
    """A shape in words: ``64 × 3 × 7 × 7``, ``integer scalar``."""
    return ("integer " if integer else "") + by_axis(shape)


def setting(value: Any) -> str:
    """A parameter's value as ``--set`` takes it: ``true``, not ``True``."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _some(keys: Iterable[str]) -> str:
    return some(list(map(key_text, keys)))


def _listed(what: str, keys: Iterable[object], shown: list[str]) -> list[str]:
    number = len(list(keys))
    if not number:
        return []
    more = [f"… and {number - len(shown)} more"] if number > len(shown) else []
    return [f"  {number} {what}:", *(f"    {line}" for line in [*shown, *more])]


def _hint(close: list[str]) -> str:
    return f" (did you mean `{key_text(close[0])}`, which the file has?)" if close else ""
