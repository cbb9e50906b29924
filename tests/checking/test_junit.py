"""``--format junit``: valid by the schema of Jenkins' xUnit plugin, and with the counts that reporters show."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from tests.cli.conftest import TINY, Archc

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent / "schemas/junit-10.xsd"))
CASES = sorted((Path(__file__).parent.parent / "errors/cases").glob("*.yaml"))


def suites(text: str) -> dict[str, etree._Element]:
    """The suites of a document that the schema holds valid and whose counts are right."""
    root = etree.fromstring(text.encode())
    SCHEMA.assertValid(root)
    for element in [root, *root]:
        cases = element.findall(".//testcase")
        assert element.get("tests") == str(len(cases)) != "0"
        assert element.get("failures") == str(len(element.findall(".//failure")))
        assert element.get("errors") == str(len(element.findall(".//error")))
        assert float(element.get("time", "")) >= 0
        names = [(case.get("classname"), case.get("name")) for case in cases]
        assert len(set(names)) == len(names)
    return {suite.get("name", ""): suite for suite in root}


def names(suite: etree._Element, path: str = "testcase") -> list[str]:
    return [case.get("name", "") for case in suite.findall(path)]


def test_a_suite_a_file_and_a_test_a_variant_and_line(archc: Archc) -> None:
    found = suites(archc("check", "tiny.yaml", "--format", "junit").out)
    assert names(found["tiny.yaml"]) == [
        "small: compiles", "small: params", "small: shape",
        "large: compiles", "large: params", "large: macs", "large: at stage0 shape",
    ]  # fmt: skip


def test_failures_are_what_does_not_hold_and_errors_what_is_wrong(archc: Archc, wrong: Path) -> None:
    found = suites(archc("check", "--format", "junit").out)
    assert names(found["specs/budget.yaml"], "testcase[failure]") == ["large: params"]
    assert names(found["specs/wiring.yaml"], "testcase[error]") == ["narrow: compiles", "wide: compiles"]
    assert names(found["specs/figures.yaml"], "testcase[error]") == ["figures: expect"]
    assert not found["specs/right.yaml"].findall("testcase/*")
    (failure,) = found["specs/budget.yaml"].findall("testcase/failure")
    assert failure.get("message") == "specs/budget.yaml:22:13: large: params is 20,042, expected < 20k"


@pytest.mark.parametrize("text", ["", "name: [\n", "blocks:\n  b(x): relu\n", "\x00\x01", "a: \udcff"])
def test_files_without_a_network_are_tests_too(archc: Archc, folder: Path, text: str) -> None:
    (folder / "b.yaml").write_bytes(text.encode(errors="surrogateescape"))
    suites(archc("check", "b.yaml", "--format", "junit").out)


def test_all_that_can_be_said_of_a_spec_is_valid_xml(archc: Archc) -> None:
    assert len(suites(archc("check", *CASES, "--format", "junit").out)) == len(CASES)


def test_characters_that_xml_lacks_are_shown_as_pictures(archc: Archc, folder: Path) -> None:
    odd = '"\\e[31m\\x08\\uFFFE <&]]>"'
    (folder / "odd.yaml").write_text(TINY.replace("small", odd))
    text = archc("check", "odd.yaml", "--format", "junit").out
    assert suites(text) and "\x1b" not in text and "␛" in text
