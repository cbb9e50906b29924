"""``--format sarif``: valid by the schema of the standard, and by what it says beyond the schema."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from jsonschema import Draft7Validator

from tests.checking.test_formats import ODD
from tests.cli.conftest import TINY, Archc

SCHEMA = Path(__file__).parent / "schemas/sarif-2.1.0.json"
CASES = sorted((Path(__file__).parent.parent / "errors/cases").glob("*.yaml"))


@cache
def validator() -> Draft7Validator:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def run_of(text: str) -> dict[str, Any]:
    """The one run of a log that the schema holds valid."""
    log = json.loads(text)
    problems = [f"{list(e.absolute_path)}: {e.message}" for e in validator().iter_errors(log)]
    assert not problems, problems
    (run,) = log["runs"]
    return run


def test_the_schema_refuses_what_is_wrong(archc: Archc, wrong: Path) -> None:
    log = json.loads(archc("check", "--format", "sarif").out)
    log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    assert not validator().is_valid(log)


def test_wrong_specs_are_valid_sarif(archc: Archc, wrong: Path) -> None:
    run = run_of(archc("check", "--format", "sarif").out)
    assert run["columnKind"] == "unicodeCodePoints"
    assert [r["level"] for r in run["results"]] == ["error"] * 8
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted({r["ruleId"] for r in run["results"]})
    assert all(rule["shortDescription"]["text"].endswith(".") for rule in rules)


def test_a_run_without_mistakes_is_valid_sarif(archc: Archc) -> None:
    assert run_of(archc("check", "tiny.yaml", "--format", "sarif").out)["results"] == []


def test_all_that_can_be_said_of_a_spec_is_valid_sarif(archc: Archc) -> None:
    """Every code has its rule, every place lines and columns in order."""
    run = run_of(archc("check", *CASES, "--format", "sarif").out)
    assert len(run["results"]) >= len(CASES)
    for result in run["results"]:
        for location in [*result["locations"], *result.get("relatedLocations", [])]:
            region = location["physicalLocation"]["region"]
            start, end = (region["startLine"], region["startColumn"]), (region["endLine"], region["endColumn"])
            assert (1, 1) <= start <= end


def test_other_places_are_related_locations(archc: Archc, wrong: Path) -> None:
    (result,) = run_of(archc("check", "specs/wiring.yaml", "--format", "sarif").out)["results"]
    related = [(r["physicalLocation"]["region"]["startLine"], r["message"]["text"]) for r in result["relatedLocations"]]
    assert related == [(13, "16 × 16 × 16"), (13, "8 × 16 × 16, against 16 × 16 × 16"), (19, "in this call")]
    assert [r["id"] for r in result["relatedLocations"]] == [1, 2, 3]


@pytest.mark.parametrize("name", ODD)
def test_addresses_are_percent_encoded(archc: Archc, folder: Path, name: str) -> None:
    (folder / name).write_text(TINY.replace("params: 1102", "params: 1103"), encoding="utf-8")
    (result,) = run_of(archc("check", name, "--format", "sarif").out)["results"]
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact["uriBaseId"] == "%SRCROOT%"
    assert re.fullmatch(r"(?:[\w.~/-]|%[0-9A-F]{2})+", artifact["uri"], re.ASCII)
    assert not urlsplit(artifact["uri"]).scheme and unquote(artifact["uri"]) == name


def test_a_file_outside_the_repository_has_its_whole_address(archc: Archc, folder: Path) -> None:
    (folder / "repository/.git").mkdir(parents=True)
    (folder / "other.yaml").write_text("name: [\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder / "repository")
        patch.delenv("GITHUB_WORKSPACE", raising=False)
        (result,) = run_of(archc("check", "../other.yaml", "--format", "sarif").out)["results"]
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": (folder / "other.yaml").as_uri()}


def test_paths_start_at_the_repository_not_at_the_current_folder(archc: Archc, wrong: Path) -> None:
    (wrong / ".git").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(wrong / "specs")
        run = run_of(archc("check", "budget.yaml", "--format", "sarif").out)
    artifact = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": "specs/budget.yaml", "uriBaseId": "%SRCROOT%"}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_columns_are_characters_and_lines_end_as_in_yaml(archc: Archc, folder: Path, end: str) -> None:
    lines = ["name: n  # 😀", "input: [3, 8, 8]", "body:", '  {"a😀é": relu, b: reluu}', ""]
    (folder / "n.yaml").write_bytes(end.join(lines).encode())
    run = run_of(archc("check", "n.yaml", "--format", "sarif").out)
    regions = [r["locations"][0]["physicalLocation"]["region"] for r in run["results"]]
    start = lines[3].index("reluu") + 1
    assert {"startLine": 4, "startColumn": start, "endLine": 4, "endColumn": start + 5} in regions
    assert end in run["newlineSequences"]


def test_fingerprints_stay_when_lines_move_and_differ_within_a_run(archc: Archc, wrong: Path) -> None:
    def fingerprints() -> list[str]:
        run = run_of(archc("check", "--format", "sarif").out)
        return [r["partialFingerprints"]["archcMistake/v1"] for r in run["results"]]

    before = fingerprints()
    assert len(set(before)) == len(before)
    for file in (wrong / "specs").glob("*.yaml"):
        file.write_text("# moved\n\n" + file.read_text())
    assert fingerprints() == before


def test_text_of_a_spec_is_no_link(archc: Archc, folder: Path) -> None:
    (folder / "n.yaml").write_text('name: n\ninput: [3, 8, 8]\nbody:\n  a: relu\n"[x](http://h)": 1\n')
    run = run_of(archc("check", "n.yaml", "--format", "sarif").out)
    said = " ".join(r["message"]["text"] for r in run["results"])
    assert "\\[x](http" in said and not re.search(r"(?<!\\)\[[^]]*\]\(", said)
