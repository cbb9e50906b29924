"""Comparing networks that specs describe: ``archc.diff``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archc.backends.difference import Difference
from archc.compiler import Shapes, SpecFile, at_revision, open_spec
from archc.diagnostics.diagnostic import Diagnostic, RequestError
from archc.display.names import listed
from archc.graph.comparison import Comparison
from archc.network import Network

HERE = "HEAD"  # what a spec is compared with that is given alone

_RANGE = re.compile(r"(?P<a>.*?)(?P<dots>\.\.\.?)(?P<b>[^.].*)?")


@dataclass(frozen=True, slots=True)
class Side:
    """A spec file, and the variant of it that is meant; None for all that it has."""

    file: SpecFile
    variant: str | None

    @property
    def name(self) -> str:
        return f"{self.file.name}:{self.variant}" if self.variant else self.file.name

    @property
    def variants(self) -> list[str]:
        return [self.variant] if self.variant else self.file.variants

    def check(self) -> None:
        """Raises CompileError or RequestError where there is no such network."""
        if not set(self.variants) & set(self.file.variants):
            self.file.compile(self.variant)


def diff(
    a: str | Path | Network, b: str | Path | Network | None = None, *, rev: str | None = None,
    input: Shapes | None = None, **params: Any,
) -> Difference:  # fmt: skip
    """What differs between two networks: structure, shapes, costs, and which weights of A carry over to B.

    ``a`` and ``b`` are specs as of ``archc.compile``, also at a git revision (``"HEAD~1:net.yaml"``), or compiled
    networks. Of two files with several variants, those of one name are compared. Without ``b``, ``a`` is compared
    with itself at ``HEAD``; with ``rev``, from ``"main"`` to now, from ``"main"`` to ``"topic"`` (``"main..topic"``),
    or from where the two parted (``"main...topic"``). ``input`` and ``params`` hold for both sides.

    Raises CompileError and RequestError.
    """
    if isinstance(a, Network) or isinstance(b, Network):
        return _networks(a, b, rev, input, params)
    return compare(*sides(str(a), None if b is None else str(b), rev), params, input)[0]


def _networks(a: Any, b: Any, rev: str | None, input: Shapes | None, params: Mapping[str, Any]) -> Difference:
    if b is None or rev is not None:
        raise RequestError("a compiled network has no revisions: a second one is to be given")
    if (input is not None or params) and isinstance(a, Network) and isinstance(b, Network):
        raise RequestError("both networks are compiled: other parameters come too late")
    one, other = (n if isinstance(n, Network) else Network.of(*open_spec(n), params, input) for n in (a, b))
    return one.diff(other)


def sides(a: str, b: str | None, rev: str | None) -> tuple[Side, Side]:
    """The two files that are meant, read. Raises RequestError."""
    if b is not None:
        if rev is not None:
            raise RequestError("two specs and a revision are too many", f"to compare with a revision: {HERE}:net.yaml")
        return Side(*open_spec(a)), Side(*open_spec(b))
    now = Side(*open_spec(a))
    old, new = revisions(rev or HERE, now.file.path)
    before = Side(at_revision(old, now.file.path), now.variant)
    return before, now if new is None else Side(at_revision(new, now.file.path), now.variant)


def revisions(text: str, path: Path) -> tuple[str, str | None]:
    """``main``, ``main..topic``, ``main...topic`` as two revisions; the second is None for what is there now.

    As in git, a side that is left out is HEAD, and three dots begin where the two parted. Raises RequestError.
    """
    found = _RANGE.fullmatch(text)
    if found is None:
        return text, None
    old, new = found["a"] or HERE, found["b"] or HERE
    if found["dots"] == "...":
        from archc.language.revision import Repository

        old = Repository(path.parent).merge_base(old, new)
    return old, new


def compare(
    a: Side, b: Side, params: Mapping[str, Any], input: Shapes | None
) -> tuple[Difference, tuple[Diagnostic, ...]]:
    """The difference of two files or variants, and what there is to warn of in B.

    Raises CompileError, and RequestError where they have nothing in common to compare.
    """
    pairs = list(_pairs(a, b))
    warnings: list[Diagnostic] = []
    found: list[Comparison] = []
    for ours, theirs in pairs:
        old, new = a.file.compile(ours, params, input), b.file.compile(theirs, params, input)
        warnings += new.warnings
        found.append(Comparison(old.graph, new.graph))
    one = a.variant or b.variant  # then the others of either file are not spoken of
    only_a = [] if one else [v for v in a.variants if v not in {pair[0] for pair in pairs}]
    only_b = [] if one else [v for v in b.variants if v not in {pair[1] for pair in pairs}]
    return Difference(a.name, b.name, found, added=only_b, removed=only_a), tuple(warnings)


def _pairs(a: Side, b: Side) -> Iterable[tuple[str | None, str | None]]:
    """The variants to compare: what is named; of files, those of one name, or the only ones that there are."""
    a.check()
    b.check()
    ours, theirs = a.variants, b.variants
    if len(ours) == len(theirs) == 1:
        return [(ours[0], theirs[0])]
    named = a.variant or b.variant
    both = [v for v in theirs if v in ours]
    if not both or (named and named not in both):
        (many, few) = (a, b) if len(ours) > len(theirs) else (b, a)
        raise RequestError(
            f"{many.name} has {len(many.variants)} variants, of which none is that of {few.name}",
            f"name one: {listed([f'{many.name}:{v}' for v in many.variants])}",
        )
    if named:
        return [(named, named)]
    return [(v, v) for v in both]
