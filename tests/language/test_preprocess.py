"""A variant's `preprocess`: the keys that it gives, and the others of the file's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.language.conftest import Spec

NETWORK = "body: conv(3, 1)\n"
FILE = "preprocess: {mean: [0.1, 0.2, 0.3], resize: 256}\n"


@pytest.mark.parametrize(
    ("text", "mean", "resize"),
    [
        (FILE + "variants: {mine: }", [0.1, 0.2, 0.3], 256),
        (FILE + "variants: {mine: {preprocess: {resize: 320}}}", [0.1, 0.2, 0.3], 320),
        (FILE + "variants: {mine: {preprocess: {mean: 0.5, resize: 9}}}", 0.5, 9),
        ("variants: {mine: {preprocess: {mean: 0.5}}}", 0.5, None),
        ("variants: {other: {preprocess: {mean: 0.5}}, mine: }", None, None),
    ],
    ids=["the file's", "one key is another", "all are", "the file has none", "another variant's"],
)
def test_a_variant_has_its_keys_and_the_file_s(spec: Spec, text: str, mean: Any, resize: int | None) -> None:
    found = spec.graph(NETWORK + text, variant="mine").preprocess
    assert (found.get("mean"), found.get("resize")) == (mean, resize)
