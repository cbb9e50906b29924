"""Damaged specs compile, or end in a diagnostic with a position; nothing else comes of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

import archc
from archc.diagnostics.diagnostic import CompileError, RequestError
from archc.diagnostics.render import render

sys.path.insert(0, str(Path(__file__).parent))
from mutate import MUTATIONS, mutant

pytestmark = pytest.mark.slow

SPECS = Path(__file__).parents[2] / "specs"
MUTANTS, BATCH = 2_000, 100
TEXTS = {str(p.relative_to(SPECS)): p.read_text(encoding="utf-8") for p in SPECS.rglob("*.yaml")}


def spec_of(name: str, text: str, folder: Path) -> Path:
    """The file to compile: the mutant itself, or a network that uses the mutant's blocks."""
    path = folder / "mutant.yaml"
    path.write_text(text, encoding="utf-8")
    if name.startswith("models"):
        return path
    blocks = [header.split("(")[0].split(" ")[0] for header in yaml.safe_load(TEXTS[name])["blocks"]]
    user = folder / "user.yaml"
    calls = "".join(f"  - {block}(8)\n" for block in blocks)
    user.write_text(f"name: user\ninput: [8, 32, 32]\nuse:\n  ./mutant.yaml: [{', '.join(blocks)}]\nbody:\n{calls}")
    return user


def problem(seed: int, folder: Path) -> str | None:
    """What is wrong with how the mutant of this seed ends; None where it ends well."""
    name, text = mutant(seed, TEXTS)
    try:
        file, _ = archc.open_spec(spec_of(name, text, folder))
        variants = file.variants
        file.compile(variants[seed % len(variants)] if variants else None)
    except CompileError as error:
        return diagnosis_problem(error)
    except RequestError as error:  # what is left may be a sound file of blocks
        return None if "no network" in error.message else f"RequestError: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def diagnosis_problem(error: CompileError) -> str | None:
    if not any(d.severity == "error" for d in error.diagnostics):
        return "a CompileError without an error"
    for d in error.diagnostics:
        for label in (d.primary, *d.secondary):
            if not 0 <= label.span.start <= label.span.end <= len(label.span.source.text):
                return f"no such place: {d}"
    return "a rendering without end" if len(render(error.diagnostics)) > 200_000 else None


@pytest.mark.parametrize("first", range(0, MUTANTS, BATCH))
def test_mutants(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + BATCH):
        found = problem(seed, tmp_path)
        if found is not None:
            pytest.fail(f"seed {seed}: {found}\n----\n{mutant(seed, TEXTS)[1]}", pytrace=False)


def test_every_mutation_changes_something() -> None:
    import random

    text = next(iter(TEXTS.values()))
    for mutation in MUTATIONS:
        assert any(mutation(random.Random(seed), text) != text for seed in range(20))


def test_a_mutant_is_the_same_for_its_seed() -> None:
    assert mutant(7, TEXTS) == mutant(7, TEXTS)
