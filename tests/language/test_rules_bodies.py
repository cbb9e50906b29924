"""Rules 1 to 14 of the language: bodies, numbers and names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Spec


def test_rule_01_a_body_is_a_string_a_list_or_a_mapping(spec: Spec) -> None:
    text = """
        body:
          a: conv(4, 1, bias=False)
          b: [identity, relu]
          c: {d: identity}
    """
    assert spec.paths(text) == ["a", "b.0", "b.1", "c.d"]


@pytest.mark.parametrize("empty", ["", " {}", " []", " null", " ~"])
@pytest.mark.parametrize(
    "where", ["body:\n  a:{}", "body:{}", "blocks:\n  a:{}\nbody:\n  - relu", "body:\n  if true:{}\n  a: relu"]
)
def test_rule_01_an_empty_body_is_an_error(spec: Spec, empty: str, where: str) -> None:
    code, _ = spec.mistake(where.replace("{}", empty))
    assert code == "empty-body"


def test_rule_02_control_keys_and_sections_add_no_path(spec: Spec) -> None:
    text = """
        stem:
          a: conv(4, 1)
        body:
          if true:
            b: conv(4, 1)
          for i in range(2):
            c${i}: conv(4, 1)
        head:
          d:
            if true:
              e: conv(4, 1)
            f: conv(4, 1)
    """
    assert spec.weights(text) == ["a.weight", "b.weight", "c0.weight", "c1.weight", "d.e.weight", "d.f.weight"]


def test_rule_03_numbers_count_unnamed_children(spec: Spec) -> None:
    text = """
        body:
          f:
            - conv(4, 1)
            - act: relu
              c: conv(5, 1)
            - for i in range(2):
                - conv(6, 1)
                - relu
            - - conv(7, 1)
    """
    assert spec.paths(text) == ["f.0", "f.act", "f.c", "f.1", "f.2", "f.3", "f.4", "f.5.0"]
    assert spec.weights(text) == ["f.0.weight", "f.c.weight", "f.1.weight", "f.3.weight", "f.5.0.weight"]


def test_rule_03_the_root_counts_too(spec: Spec) -> None:
    text = """
        stem:
          - conv(4, 1)
        body:
          a: relu
          for i in range(2): conv(4, 1)
    """
    assert spec.paths(text) == ["0", "a", "1", "2"]


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ("for j in range(1): identity", ["s.0"]),
        ("conv1: relu\n    if true: relu\n    conv2: relu", ["s.conv1", "s.0", "s.conv2"]),
        ("a: relu\n    if false: relu\n    else: relu6", ["s.a", "s.0"]),
    ],
)
def test_rule_04_a_string_under_a_control_key_takes_a_number(spec: Spec, body: str, paths: list[str]) -> None:
    assert spec.paths(f"body:\n  s:\n    {body}") == paths


def test_rule_04_a_section_that_is_a_string(spec: Spec) -> None:
    assert spec.paths("stem: relu\nbody: relu\nhead:\n  a: relu") == ["0", "1", "a"]


def test_rule_05_a_list_item_takes_a_number_even_if_its_block_builds_nothing(spec: Spec) -> None:
    text = """
        blocks:
          maybe(c):
            if c: conv(4, 1)
        body:
          f:
            - maybe(false)
            - conv(5, 1)
            - if false: conv(6, 1)
            - for i in range(0): conv(7, 1)
            - let: {a: 1}
            - conv(8, a)
            - ["maybe(true)"]
    """
    assert spec.weights(text) == ["f.1.weight", "f.2.weight", "f.3.0.weight"]


@pytest.mark.parametrize(
    ("body", "weights"),
    [
        ("if x.channels != 4: conv(4, 1)", ["p.weight"]),
        (
            "if true: [relu, batch_norm]",
            ["p.1.weight", "p.1.running_mean", "p.1.running_var", "p.1.num_batches_tracked"],
        ),
        ("if false: relu\n    else:\n      c: conv(4, 1)", ["p.c.weight"]),
        ("if false: conv(4, 1)", []),
        ("let: {k: 1}\n    if true: conv(4, k)", ["p.weight"]),
        ("if true:\n      if false: relu\n      elif true: conv(4, 1)", ["p.weight"]),
        ("if true: conv(4, 1)\n    if not false: conv(4, 1)", ["p.0.weight", "p.1.weight"]),
        ("if true: conv(4, 1)\n    a: relu", ["p.0.weight"]),
        ("if true: conv(4, 1)\n    for i in range(0): relu", ["p.0.weight"]),
        ("- if true: conv(4, 1)", ["p.0.weight"]),
        ("if true: ['conv(4, 1)']", ["p.0.weight"]),
    ],
)
def test_rule_06_a_body_that_is_only_an_if(spec: Spec, body: str, weights: list[str]) -> None:
    assert spec.weights(f"body:\n  p <- x:\n    {body}") == weights


def test_rule_06_in_a_block_and_where_nothing_is_chosen_the_input_comes_out(spec: Spec) -> None:
    text = """
        blocks:
          proj(out):
            if x.channels != out: conv(out, 1)
        body:
          a: proj(3)
          b: proj(4)
          c <- a: relu
    """
    assert spec.weights(text) == ["b.weight"]
    assert spec.reads(text)["c"] == ["x"]


def test_rule_06_a_section_that_is_only_an_if_takes_a_number(spec: Spec) -> None:
    assert spec.weights("body:\n  if true: conv(4, 1)") == ["0.weight"]


def test_rule_07_a_call_adds_no_level(spec: Spec) -> None:
    text = """
        blocks:
          al(n): conv(n, 1)
          li(n):
            - conv(n, 1)
          ma(n):
            c: conv(n, 1)
        body:
          - al(4)
          - li(4)
          - ma(4)
    """
    assert spec.weights(text) == ["0.weight", "1.0.weight", "2.c.weight"]


def test_rule_08_a_mapping_in_a_list_is_spliced_in(spec: Spec) -> None:
    text = """
        body:
          f:
            - let: {k: 1}
              a: conv(4, k)
              if false: relu
              elif k == 1: relu6
              else: gelu
            - conv(4, k)
    """
    assert spec.paths(text) == ["f.a", "f.0", "f.1"]


@pytest.mark.parametrize(
    "body",
    [
        "- if false: relu\n  - else: relu",
        "else: relu",
        "if false: relu\n  a: relu\n  else: relu",
        "if false: relu\n  else: relu\n  elif true: relu",
        "if false: relu\n  else: relu\n  else : relu",
        "for i in range(2): relu\n  else: relu",
        "if false: relu\n  let: {a: 1}\n  else: relu",
    ],
)
def test_rule_08_else_follows_its_if(spec: Spec, body: str) -> None:
    code, _ = spec.mistake(f"body:\n  {body}")
    assert code in ("stray-else", "duplicate-key")


def test_rule_09_sections_are_one_sequence_in_their_order(spec: Spec) -> None:
    text = """
        head:
          last <- late: relu
        body:
          - relu
          - late <- early: relu
        stem:
          - relu
          - early: identity
    """
    assert spec.reads(text) == {"0": ["x"], "early": ["0"], "1": ["early"], "late": ["early"], "last": ["late"]}


@pytest.mark.parametrize(
    "body",
    [
        "for i in range(2):\n    a: relu",
        "a: relu\n  if true:\n    a: relu",
        "- relu\n  - '0': relu",
        "a.b: relu\n  if true:\n    a.b: relu",
        "a: relu\n  'a <- x': relu",
        "p: parameter([3])\n  if true:\n    p: parameter([3])",
    ],
)
def test_rule_10_no_two_children_of_one_name(spec: Spec, body: str) -> None:
    (found,) = spec.mistakes(f"body:\n  {body}")
    assert found.code == "doubled-child"
    assert "for" in body or found.secondary, "the other place is shown"


@pytest.mark.parametrize(
    "name", ["x", "prev", "type", "half", "train", "forward", "training", "children", "T_destination"]
)
def test_rule_10_names_that_are_taken(spec: Spec, name: str) -> None:
    text = f"""
        blocks:
          b() <- c:
            {name}: relu
        body:
          - b
    """
    assert spec.mistake(text) == ("reserved-name", name)


@pytest.mark.parametrize("body", ["c: relu", "d:\n      c: relu", "if true:\n      c: relu"])
def test_rule_10_nor_names_of_the_blocks_inputs(spec: Spec, body: str) -> None:
    assert spec.mistake(f"blocks:\n  b() <- c:\n    {body}\nbody:\n  - b") == ("doubled-name", "c")


def test_rule_10_a_name_with_the_loop_variable(spec: Spec) -> None:
    assert spec.paths("body:\n  for i in range(2):\n    up${i}: relu") == ["up0", "up1"]


@pytest.mark.parametrize(
    ("key", "path"),
    [("0", "0"), ("'0'", "0"), ("on", "on"), ("true", "true"), ("a-b_C9", "a-b_C9"), ("1.5", "1.5"), ("if_", "if_")],
)
def test_rule_11_a_key_is_the_text_as_written(spec: Spec, key: str, path: str) -> None:
    assert spec.paths(f"body:\n  f:\n    {key}: relu") == [f"f.{path}"]


@pytest.mark.parametrize("key", ["a b", "é", "a/b", "a..b", ".a", "a.", "a!", ""])
def test_rule_11_what_a_name_is_made_of(spec: Spec, key: str) -> None:
    code, _ = spec.mistake(f"body:\n  '{key}': relu")
    assert code == "bad-name"


def test_rule_12_a_dotted_name_makes_containers(spec: Spec) -> None:
    text = """
        body:
          head.fc: conv(4, 1)
          for i in range(2):
            convs.${i}: conv(4, 1)
          head.norm: group_norm(2)
          last <- head.fc: relu
    """
    assert spec.weights(text) == ["head.fc.weight", "head.norm.weight", "convs.0.weight", "convs.1.weight"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("a:\n    b: relu\n  a.c: relu", "doubled-child"),
        ("a: relu\n  a.c: relu", "doubled-child"),
        ("a.c: relu\n  a: relu", "doubled-child"),
        ("a.c: relu\n  b <- a: relu", "not-a-tensor"),
    ],
)
def test_rule_12_a_container_made_so_is_no_tensor_and_no_body(spec: Spec, body: str, code: str) -> None:
    assert spec.mistake(f"body:\n  {body}")[0] == code


def test_rule_13_templates_in_keys(spec: Spec) -> None:
    text = """
        body:
          a: relu
          for i in range(2):
            b${i}_${i + 1} <- ${'prev' if i else 'x'}: relu
          all <- b0_1${', b1_2' if true else ''}: add
          ${'dyn'}: relu
    """
    assert spec.reads(text) == {"a": ["x"], "b0_1": ["x"], "b1_2": ["b0_1"], "all": ["b0_1", "b1_2"], "dyn": ["all"]}


@pytest.mark.parametrize("value", ["1.5", "relu", "[1]", "None", "true", "x.channels / 2"])
def test_rule_13_a_template_is_a_text_or_an_integer(spec: Spec, value: str) -> None:
    assert spec.mistake(f"body:\n  'a${{{value}}}': relu")[0] == "bad-key"


def test_rule_13_not_in_values(spec: Spec) -> None:
    assert spec.mistake("body:\n  a: conv(${4}, 1)")[0] == "expression-syntax"


def test_rule_14_order_of_keys(spec: Spec) -> None:
    text = """
        body:
          for i in range(2):
            a.${i}: conv(4, 1, bias=False)
            b.${i}: conv(4, 1, bias=False)
          c:
            conv: conv(4, 1, bias=False)
            p: parameter([4])
            last <- conv: relu
    """
    assert spec.keys(text) == ["a.0.weight", "a.1.weight", "b.0.weight", "b.1.weight", "c.p", "c.conv.weight"]
