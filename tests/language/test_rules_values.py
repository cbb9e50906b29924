"""Rules 28 to 45 of the language: expressions, names of values, parameters and control."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Spec


def widths(spec: Spec, text: str, **options: Any) -> dict[str, int]:
    """Path → channels that the layers with a weight make."""
    shapes = spec.shapes(text, **options)
    return {k.removesuffix(".weight"): s[0] for k, s in shapes.items() if k.endswith(".weight")}


def test_rule_28_a_child_may_be_called_like_a_value(spec: Spec) -> None:
    text = """
        params: {width: 4}
        blocks:
          unit(n): conv(n, 1)
        body:
          width: conv(width, 1)
          conv <- width: conv(width + 1, 1)
          unit: unit(6)
          len: conv(len([1, 2]), 1)
          y <- conv: conv(conv.channels * 2, 1)
    """
    assert widths(spec, text) == {"width": 4, "conv": 5, "unit": 6, "len": 2, "y": 10}


def test_rule_29_inner_names_hide_outer_ones(spec: Spec) -> None:
    text = """
        params: {a: 1, len: 7}
        let: {b: a + 1}
        blocks:
          blk(a, b=a * 10):
            - conv(a, 1)
            - conv(b, 1)
            - let: {a: 5}
            - conv(a, 1)
            - for a in [6]:
                - conv(a, 1)
                - conv(sum([a for a in [1, 2]]), 1)
            - conv(a, 1)
        body:
          f: blk(2)
          g: conv(a * 100 + b * 10 + len, 1)
    """
    assert list(widths(spec, text).values()) == [2, 20, 5, 6, 3, 5, 127]


def test_rule_29_parameters_hide_blocks_and_blocks_hide_ops(spec: Spec) -> None:
    text = """
        params: {b: relu6}
        blocks:
          b: gelu
          silu: tanh
        body:
          - b
          - silu
    """
    assert [n.op.name for n in spec.graph(text).nodes] == ["relu6", "tanh"]


def test_rule_29_a_hidden_op_names_what_hides_it(spec: Spec) -> None:
    found = spec.mistakes("params: {scale: 4}\nbody:\n  - scale(0.5)")
    assert len(found) == 1
    assert found[0].span.text in ("scale", "scale(0.5)")
    assert "param" in str([found[0].message, found[0].primary.text, found[0].notes, found[0].help, found[0].secondary])


@pytest.mark.parametrize(
    "head",
    [
        "params: {a: 1}\nlet: {a: 2}",
        "blocks:\n  b(a, a): relu",
        "blocks:\n  b: relu\n  b(a): relu",
        "blocks:\n  c(a) <- q, q: add",
    ],
)
def test_rule_29_twice_in_one_scope(spec: Spec, head: str) -> None:
    assert spec.mistake(f"{head}\nbody:\n  - relu")[0] == "doubled-name"


@pytest.mark.parametrize("name", ["i", "k", "n", "z"])
def test_rule_30_a_block_sees_nothing_of_its_caller(spec: Spec, name: str) -> None:
    text = f"""
        blocks:
          inner: conv({name}, 1)
          outer(n):
            let: {{k: 3}}
            for i in range(1):
              z: relu
              y: inner
        body:
          - outer(4)
    """
    assert spec.mistake(text) == ("unknown-name", name)


def test_rule_30_a_used_block_sees_its_own_file(spec: Spec) -> None:
    spec.write("""
        params: {width: 5}
        let: {twice: width * 2}
        blocks:
          inner: conv(width, 1)
          outer:
            - inner
            - conv(twice, 1)
    """, "used.yaml")  # fmt: skip
    text = """
        params: {width: 7}
        use:
          ./used.yaml: [outer]
        blocks:
          inner: conv(1, 1)
        body:
          f: outer
          g: conv(width, 1)
    """
    assert widths(spec, text) == {"f.0": 5, "f.1": 10, "g": 7}
    assert spec.mistake(text.replace("width: 7", "other: 7").replace("conv(width", "conv(twice")) == (
        "unknown-name",
        "twice",
    )


def test_rule_31_a_layer_is_any_expression_that_gives_one(spec: Spec) -> None:
    text = """
        params: {act: relu6, blocks2: [a, b]}
        blocks:
          a(n=2): conv(n, 1)
          b(n): conv(n * 10, 1)
        body:
          - (a if true else b)(4)
          - a
          - act
          - blocks2[1](4)
          - a() if false else b(7)
          - (conv)(3, 1)
    """
    assert widths(spec, text) == {"0": 4, "1": 2, "3": 40, "4": 70, "5": 3}


@pytest.mark.parametrize("value", ["3", "'relu'", "[relu]", "len", "len([1])", "3 > 2", "None + 1"])
def test_rule_31_what_is_no_layer(spec: Spec, value: str) -> None:
    assert len(spec.mistakes(f'body:\n  - "{value}"')) == 1


def test_rule_32_ops_blocks_and_calls_are_values(spec: Spec) -> None:
    text = """
        blocks:
          unit(n, act=relu, norm=batch_norm):
            c: conv(n, 1)
            n: norm
            a: act
            b: act
            if act != relu: conv(9, 1)
            if norm == group_norm: conv(8, 1)
            if act == act: conv(7, 1)
        body:
          u: unit(4, act=leaky_relu(0.1))
          v: unit(4, norm=layer_norm2d(eps=1e-3))
          w: unit(4, norm=conv(5, 1))
    """
    graph = spec.graph(text)
    by_path = {n.path: n.op for n in graph.nodes}
    assert by_path["u.a"].given() == by_path["u.b"].given() == {"negative_slope": 0.1}
    assert [n.path for n in graph.nodes if n.op.name == "conv"] == ["u.c", "u.0", "v.c", "v.0", "w.c", "w.n", "w.0"]
    # a call equals nothing, not even itself: u has the 9, v and w (act is the op relu) the 7
    assert [n.outputs[0].shape.channels for n in graph.nodes if n.path.endswith(".0")] == [9, 7, 7]


@pytest.mark.parametrize(
    "use",
    [
        "conv(relu, 1)",
        "conv(relu + 1, 1)",
        "conv(4 if relu else 5, 1)",
        "conv(len(relu), 1)",
        "conv(4 if not relu else 2, 1)",
    ],
)
def test_rule_32_a_layer_is_no_number_condition_or_text(spec: Spec, use: str) -> None:
    assert len(spec.mistakes(f"body:\n  - {use}")) == 1


def test_rule_33_names_of_layers_in_params(spec: Spec) -> None:
    text = """
        params:
          stages: [[mb, 4], [fused, 2]]
          act: relu
          pad: same
          sum: 2 + 3
        variants:
          v: {stages: [[fused, 5]], act: gelu}
          w: {}
        blocks:
          mb(n): conv(n, 1)
          fused(n): conv(n * 10, 1)
        body:
          for block, n in stages:
            - block(n)
          a: act
          if pad == "same": relu6
          if sum == "2 + 3": silu
    """
    assert widths(spec, text, variant="w") == {"0": 4, "1": 20}
    assert widths(spec, text, variant="v") == {"0": 50}
    assert [n.op.name for n in spec.graph(text, variant="v").nodes] == ["conv", "gelu", "relu6", "silu"]


def test_rule_34_in_let_a_string_is_an_expression(spec: Spec) -> None:
    text = """
        params: {w: [1, 2]}
        let:
          a: 1 + 1
          b: [1 + 1, 5]
          c: list(v * 2 for v in w)
          d: true
          e: 3
          f: "'text'"
        body:
          - conv(a, 1)
          - conv(b[1], 1)
          - conv(c[1], 1)
          - conv(e + d, 1)
          - if b[0] == "1 + 1": conv(8, 1)
          - if f == "text": conv(9, 1)
    """
    assert list(widths(spec, text).values()) == [2, 5, 4, 4, 8, 9]


def test_rule_35_a_let_holds_to_the_end_of_its_body(spec: Spec) -> None:
    text = """
        body:
          - conv(6, 1)
          - let: {k: prev.channels, m: k + 1}
          - conv(m, 1)
          - - conv(k, 1)
          - for i in range(1):
              - let: {k: 2}
              - conv(k, 1)
          - conv(k, 1)
    """
    assert list(widths(spec, text).values()) == [6, 7, 6, 2, 6]


@pytest.mark.parametrize(
    "body",
    [
        "stem:\n  let: {k: 3}\n  a: relu\nbody:\n  b: conv(k, 1)",
        "body:\n  if true:\n    let: {k: 3}\n    a: relu\n  b: conv(k, 1)",
        "body:\n  a: conv(k, 1)\n  let: {k: 3}",
        "body:\n  f:\n    let: {k: 3}\n    a: relu\n  b: conv(k, 1)",
        "body:\n  let: {j: k, k: 3}\n  a: conv(j, 1)",
    ],
)
def test_rule_35_and_no_further(spec: Spec, body: str) -> None:
    assert spec.mistake(body) == ("unknown-name", "k")


def test_rule_36_parameters_bind_as_in_python(spec: Spec) -> None:
    text = """
        params: {base: 5}
        blocks:
          b(k=3, out=x.channels * k): conv(out, k)
          c(n, m=base): conv(n * 10 + m, 1)
        body:
          a: b
          d: b(1)
          e: b(out=4)
          f: c(1)
          g: c(1, 2)
          h: c(m=1, n=2)
    """
    assert widths(spec, text) == {"a": 9, "d": 9, "e": 4, "f": 15, "g": 12, "h": 21}


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("c()", "missing-argument"),
        ("c(1, 2, 3)", "too-many-arguments"),
        ("c(1, n=2)", "doubled-argument"),
        ("c(1, o=2)", "unknown-argument"),
        ("c(m=1, 2)", "expression-syntax"),
        ("c(*[1])", "forbidden-syntax"),
        ("c(n=1, n=2)", "doubled-argument"),
    ],
)
def test_rule_36_what_python_refuses(spec: Spec, call: str, code: str) -> None:
    assert spec.mistake(f"blocks:\n  c(n, m=1): conv(n + m, 1)\nbody:\n  - {call}")[0] == code


@pytest.mark.parametrize(
    "header", ["b(*a)", "b(**a)", "b(a, /)", "b(a, *, c)", "b(a: int)", "b(a=1, c)", "b(1)", "b(", "b)", "1b(a)"]
)
def test_rule_36_headers(spec: Spec, header: str) -> None:
    assert len(spec.mistakes(f"blocks:\n  '{header}': relu\nbody:\n  - relu")) == 1


@pytest.mark.parametrize("argument", ["1", "1.5", "true", "'t'", "None", "[1, [2]]", "relu", "b", "conv(4, 1)", "b(1)"])
def test_rule_37_what_an_argument_may_be(spec: Spec, argument: str) -> None:
    assert spec.paths(f"blocks:\n  b(a): relu\nbody:\n  - b({argument})") == ["0"]


@pytest.mark.parametrize("argument", ["x", "prev", "m"])
def test_rule_37_never_a_tensor(spec: Spec, argument: str) -> None:
    assert len(spec.mistakes(f"blocks:\n  b(a): relu\nbody:\n  m: relu\n  y: b({argument})")) == 1


def test_rule_38_targets_of_for(spec: Spec) -> None:
    text = """
        params: {stages: [[4, [1, 2]], [5, [3, 4]]]}
        body:
          for i, (w, (a, b)) in enumerate(stages):
            - conv(w * 100 + i * 10 + a + b, 1)
          for (p, q) in [[1, 2]]:
            - conv(p + q, 1)
    """
    assert list(widths(spec, text).values()) == [403, 517, 3]


@pytest.mark.parametrize(
    "loop",
    [
        "for a, b in [[1]]",
        "for a, b in [[1, 2, 3]]",
        "for a, b in [1]",
        "for a in 3",
        "for a in relu",
        "for (a, b), c in [[1, 2]]",
        "for a, a in [[1, 2]]",
    ],
)
def test_rule_38_a_target_fits_exactly(spec: Spec, loop: str) -> None:
    assert len(spec.mistakes(f"body:\n  {loop}:\n    - relu")) == 1


def test_rule_38_the_names_end_with_the_body(spec: Spec) -> None:
    assert spec.mistake("body:\n  for i in [1]:\n    - relu\n  y: conv(i, 1)") == ("unknown-name", "i")


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ("0", False),
        ("0.0", False),
        ("''", False),
        ("[]", False),
        ("None", False),
        ("false", False),
        ("0.25", True),
        ("[0]", True),
        ("'0'", True),
    ],
)
def test_rule_39_truth_is_pythons(spec: Spec, value: str, taken: bool) -> None:
    assert spec.paths(f'body:\n  "if {value}": relu\n  else: gelu\n  end: relu') == ["0", "end"]
    assert (spec.graph(f'body:\n  "if {value}": relu\n  else: gelu').nodes[0].op.name == "relu") is taken


def test_rule_39_what_is_not_taken_is_not_evaluated(spec: Spec) -> None:
    text = """
        blocks:
          never(n): conv(nothing, 1)
        body:
          if true: relu
          elif nothing: relu
          else: nothing(3)
          if false: never(3)
          a: conv(4 if true else nothing, 1)
    """
    assert spec.paths(text) == ["0", "a"]


def test_rule_39_its_syntax_is_checked_all_the_same(spec: Spec) -> None:
    text = "blocks:\n  never:\n    - conv(3,, 1)\nbody:\n  if false: conv(4 1)\n  elif 3 +: relu\n  a: relu"
    assert len(spec.mistakes(text)) == 3


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("sum(v == w for v in [1, 2, 1] for w in [1])", 2),
        ("sum(v for v in range(10) if v > 3 if v < 6)", 9),
        ("sum(a * b for a in range(3) for b in range(a))", 2),
        ("len(list(v for v in [1, 2]))", 2),
        ("sum([v * 2 for v in [1, 2]])", 6),
        ("sum([true, false, true])", 2),
        ("max(k for k in [1, 3, 2])", 3),
        ("sum([a + b for a, b in zip([1, 2], [3, 4])])", 10),
    ],
)
def test_rule_40_comprehensions(spec: Spec, expression: str, value: float) -> None:
    assert spec.value(expression) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("7 / 2", 3.5),
        ("6 / 2", 3.0),
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("2 ** -1", 0.5),
        ("2 ** 10", 1024),
        ("7.0 // 2", 3.0),
        ("1 < 2 < 3", 1),
        ("3 < 2 or 5", 5),
        ("0 and nothing", 0),
        ("4 if 0 else 5", 5),
        ("not 0", 1),
        ("[1, 2, 3][1]", 2),
        ("[1, 2, 3][-1]", 3),
        ("sum([1, 2, 3][1:])", 5),
        ("len('abc'[:2])", 2),
        ("sum([1, 2, 3][::-2])", 4),
        ("2 in [1, 2]", 1),
        ("3 not in [1, 2]", 1),
        ("None == None", 1),
        ("len([1] + [2, 3])", 3),
        ("+3", 3),
        ("-(2)", -2),
    ],
)
def test_rule_41_operators_are_pythons(spec: Spec, expression: str, value: float) -> None:
    assert spec.value(expression) == value


@pytest.mark.parametrize("argument", ["6 / 2", "3.0", "2 ** 1.0", "make_divisible(8) / 1"])
def test_rule_41_where_an_integer_is_wanted(spec: Spec, argument: str) -> None:
    assert spec.mistake(f"body:\n  - conv({argument}, 1)") == ("wrong-argument", argument)


@pytest.mark.parametrize("call", ["int(3.9)", "round(3.4)", "ceil(2.1)", "floor(3.9)"])
def test_rule_41_these_give_integers(spec: Spec, call: str) -> None:
    assert widths(spec, f"body:\n  - conv({call}, 1)") == {"0": 3}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("sum(range(2, 10, 3))", 15),
        ("zip([1], [2])[0][1]", 2),
        ("enumerate([5, 6])[1][0]", 1),
        ("enumerate([5], 3)[0][0]", 3),
        ("reversed([1, 2])[0]", 2),
        ("sorted([3, 1, 2])[0]", 1),
        ("list(range(3))[2]", 2),
        ("len(set([1, 2, 1, 2]))", 2),
        ("set([3, 1, 3, 2])[1]", 1),
        ("round(log(8, 2))", 3),
        ("round(log(1))", 0),
        ("log2(8)", 3),
        ("round(0.5)", 0),
        ("round(1.5)", 2),
        ("abs(-3)", 3),
        ("sqrt(9)", 3),
        ("min(3, 1, 2)", 1),
        ("max([3, 1])", 3),
        ("float(3)", 3.0),
        ("len('abc')", 3),
    ],
)
def test_rule_42_functions_give_lists(spec: Spec, expression: str, value: float) -> None:
    assert spec.value(expression) == value


@pytest.mark.parametrize("lists", ["[1], [1, 2]", "[], [1]", "[1], [1], []"])
def test_rule_42_zip_wants_equal_lengths(spec: Spec, lists: str) -> None:
    assert len(spec.mistakes(f"body:\n  - scale(len(zip({lists})))")) == 1


@pytest.mark.parametrize("v", [0, 1, 4, 7.9, 8, 11, 12, 16 * 1.3, 22.1, 100, 960 / 4, 1280 * 0.35])
@pytest.mark.parametrize("options", [(), (4,), (8, 16), (8, None, 1.0), (8, 32, 0.5)])
def test_rule_43_make_divisible(spec: Spec, v: float, options: tuple[Any, ...]) -> None:
    divisor, least, limit = (*options, *(8, None, 0.9)[len(options) :])
    n = max(least or divisor, int(v + divisor / 2) // divisor * divisor)
    expected = n + divisor if n < limit * v else n
    assert spec.value(f"make_divisible({', '.join(map(str, [v, *options]))})") == expected


@pytest.mark.parametrize(("word", "value"), [("true", True), ("True", True), ("false", False), ("False", False)])
def test_rule_44_booleans_are_the_same_in_yaml_and_expressions(spec: Spec, word: str, value: bool) -> None:
    text = f"params: {{a: {word}}}\nbody:\n  if a == {word}: relu\n  if a: gelu\n  z: conv(4, 1, bias={word})"
    assert [n.op.name for n in spec.graph(text).nodes] == ["relu", *["gelu"] * value, "conv"]
    assert len(spec.keys(text)) == 1 + value


@pytest.mark.parametrize("word", ["null", "None"])
def test_rule_44_none(spec: Spec, word: str) -> None:
    text = f"let: {{a: {word}}}\nbody:\n  if a == {word}: relu\n  if None == a: gelu\n  z: relu"
    assert spec.paths(text) == ["0", "1", "z"]


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "y", "n", "TRUE", "NULL"])
def test_rule_44_texts(spec: Spec, word: str) -> None:
    assert spec.paths(f"params: {{a: {word}}}\nbody:\n  if a == '{word}': relu\n  z: relu") == ["0", "z"]


def test_rule_45_comments_and_quotes(spec: Spec) -> None:
    text = """
        params: {a: "b#c", d: e#f}   # a comment
        description: "a title: with a colon"
        body:
          - relu # a comment
          - if a == "b#c" and d == "e#f": conv(4, 1)
    """
    assert spec.paths(text) == ["0", "1"]
    assert spec.graph(text).title == "a title: with a colon"


@pytest.mark.parametrize(
    "line",
    ["description: a title: with a colon", "description: @reserved", "description: `reserved`", "description: %x"],
)
def test_rule_45_what_must_be_quoted(spec: Spec, line: str) -> None:
    assert spec.mistake(f"{line}\nbody:\n  - relu")[0] == "yaml-syntax"


def test_rule_45_a_comment_needs_a_blank(spec: Spec) -> None:
    assert widths(spec, "body:\n  - conv(4, 1) #comment") == {"0": 4}
