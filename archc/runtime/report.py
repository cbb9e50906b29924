"""What a model said of its samples, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from archc.display.numbers import by_axis
from archc.display.tables import aligned
from archc.display.text import clean

if TYPE_CHECKING:
    from archc.runtime.labels import Classes, Figures, Guess
    from archc.runtime.predict import Run

Outputs = Mapping[str, Any]


def as_text(run: Run, classes: Classes, top: int) -> Iterator[str]:
    """Lines for each sample: its name, its best classes, and figures of outputs that are no scores."""
    for i, name in enumerate(run.names):
        outputs = run.of(i)
        yield clean(name)
        found = classes.guesses(outputs, top)
        for output, guesses in found.items():
            title = [f"  {clean(output)}"] if len(found) > 1 else []
            yield from (*title, *(f"  {line}" for line in _guesses(guesses)))
        rest = _figures(outputs, classes)
        yield from (f"  {line}" for line in aligned(_rows(rest), "<<<>>>><") if rest)


def as_json(run: Run, classes: Classes, top: int) -> list[dict[str, Any]]:
    """An entry for each sample, with the same."""
    found: list[dict[str, Any]] = []
    for i, name in enumerate(run.names):
        outputs = run.of(i)
        guesses = classes.guesses(outputs, top)
        said: dict[str, Any] = {"input": name}
        if guesses:
            said["top"] = {output: [_guess(guess) for guess in best] for output, best in guesses.items()}
        if rest := _figures(outputs, classes):
            said["outputs"] = {output: asdict(figures) for output, figures in rest.items()}
        found.append(said)
    return found


def _guesses(guesses: list[Guess]) -> list[str]:
    named = any(guess.label is not None for guess in guesses)
    rows = [(f"{g.score:.4f}", clean(g.label or ""), str(g.index)) for g in guesses]
    if not named:
        rows = [(score, "class", index) for score, _, index in rows]
    return aligned(rows, "><>") if rows else []


def _guess(guess: Guess) -> dict[str, Any]:
    return {"class": guess.index, "label": guess.label, "score": guess.score}


def _figures(outputs: Outputs, classes: Classes) -> dict[str, Figures]:
    from archc.runtime.labels import figures

    told = classes.told(outputs)
    return {name: figures(array) for name, array in outputs.items() if name not in told}


def _rows(found: Mapping[str, Figures]) -> list[tuple[str, ...]]:
    return [
        (
            clean(name),
            by_axis(f.shape),
            f.dtype,
            *(f"{what} {value:.4g}" for what, value in _known(f)),
            f"{f.unfit} not finite" if f.unfit else "",
        )
        for name, f in found.items()
    ]


def _known(f: Figures) -> Iterator[tuple[str, float]]:
    nothing = float("nan")
    for what, value in (("min", f.min), ("mean", f.mean), ("max", f.max), ("std", f.std)):
        yield what, nothing if value is None else value
