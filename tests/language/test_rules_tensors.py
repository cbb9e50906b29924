"""Rules 15 to 27 of the language: which tensor a layer reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Spec

TWO_INPUTS = "input:\n  image: [3, 8, 8]\n  depth: [1, 8, 8]\n"


def test_rule_15_prev_is_what_was_built_last(spec: Spec) -> None:
    text = """
        body:
          a: conv(4, 1)
          b <- x: conv(5, 1)
          c: relu
          d <- a: relu
          if false: gelu
          for i in range(0): gelu
          e <- prev, a: add
          f:
            g: relu
            h <- e: relu
          i: relu
        head:
          j: relu
    """
    assert spec.reads(text) == {
        "a": ["x"],
        "b": ["x"],
        "c": ["b"],
        "d": ["a"],
        "e": ["d", "a"],
        "f.g": ["e"],
        "f.h": ["e"],
        "i": ["f.h"],
        "j": ["i"],
    }


def test_rule_15_in_a_block_prev_starts_as_its_first_input(spec: Spec) -> None:
    text = """
        blocks:
          b() <- p, q:
            a: relu
            c <- q, prev: add
        body:
          m: relu
          n: gelu
          o <- m, n: b
    """
    assert spec.reads(text) == {"m": ["x"], "n": ["m"], "o.a": ["m"], "o.c": ["n", "o.a"]}


def test_rule_16_x_is_the_input_of_the_block(spec: Spec) -> None:
    text = """
        blocks:
          b:
            a: relu
            deep:
              c: relu
              d:
                e <- x: relu
        body:
          m: relu
          n: b
          o:
            p: relu
            q <- x: relu
    """
    reads = spec.reads(text)
    assert (reads["n.deep.c"], reads["n.deep.d.e"], reads["o.p"], reads["o.q"]) == (
        ["n.a"],
        ["m"],
        ["n.deep.d.e"],
        ["x"],
    )


def test_rule_16_a_block_with_other_inputs_has_no_x(spec: Spec) -> None:
    text = "blocks:\n  fpn(out) <- c:\n    a <- x: conv(out, 1)\nbody:\n  - fpn(4)"
    assert spec.mistake(text)[1] == "x"


def test_rule_17_names_are_looked_up_outwards(spec: Spec) -> None:
    text = """
        body:
          a: relu
          if true:
            b: gelu
          f:
            a: silu
            g:
              h <- a: relu
              i <- b: relu
          c <- a: relu
    """
    reads = spec.reads(text)
    assert (reads["f.g.h"], reads["f.g.i"], reads["c"]) == (["f.a"], ["b"], ["a"])


@pytest.mark.parametrize(
    "body",
    [
        "a <- late: relu\n  late: relu",
        "f:\n    inner: relu\n  a <- inner: relu",
        "f:\n    a <- f: relu",
        "a <- a: relu",
    ],
)
def test_rule_17_not_yet_built_or_within_a_sibling(spec: Spec, body: str) -> None:
    assert spec.mistake(f"body:\n  {body}")[0] == "unknown-tensor"


def test_rule_17_block_inputs_are_in_reach_at_any_depth(spec: Spec) -> None:
    text = "blocks:\n  b() <- c:\n    d:\n      e:\n        f <- c: relu\nbody:\n  g: gelu\n  h: b"
    assert spec.reads(text)["h.d.e.f"] == ["g"]


def test_rule_18_a_path_goes_down(spec: Spec) -> None:
    text = """
        blocks:
          unit:
            - relu
            - inner: gelu
        body:
          layer1:
            - unit
            - unit
          a <- layer1.0.inner: relu
          b <- layer1.1.0, layer1: add
    """
    assert spec.reads(text)["a"] == ["layer1.0.inner"]
    assert spec.reads(text)["b"] == ["layer1.1.0", "layer1.1.inner"]


def test_rule_18_a_block_never_sees_its_callers_tensors(spec: Spec) -> None:
    text = "blocks:\n  b:\n    y <- outer: relu\nbody:\n  outer: relu\n  z: b"
    assert spec.mistake(text) == ("unknown-tensor", "outer")


def test_rule_19_all_children(spec: Spec) -> None:
    text = """
        body:
          a:
            - relu
            - b <- x: gelu
              c.d <- x: silu
            - tanh
          all <- a.*: add
    """
    assert spec.reads(text)["all"] == ["a.0", "a.b", "a.c.d", "a.1"]


def test_rule_19_none_is_an_error(spec: Spec) -> None:
    assert spec.mistake("body:\n  a: relu\n  all <- a.*: add")[1] == "a.*"


def test_rule_20_an_index_picks_one_of_a_list(spec: Spec) -> None:
    text = """
        input: [6, 8, 8]
        params: {k: 1}
        body:
          parts: chunk(3)
          a <- parts[0], parts[-1], parts[k + 1]: concat
    """
    node = spec.graph(text).nodes[-1]
    assert [t.index for t in node.inputs] == [0, 2, 2]


@pytest.mark.parametrize("index", ["3", "-4", "1.0", "'0'", "true", "[0]"])
def test_rule_20_an_index_is_an_integer_within_the_list(spec: Spec, index: str) -> None:
    code, _ = spec.mistake(f'body:\n  parts: chunk(3)\n  "a <- parts[{index}]": relu')
    assert code == ("index-out-of-range" if index in ("3", "-4") else "wrong-operand")


def test_rule_20_an_index_never_means_a_child(spec: Spec) -> None:
    assert spec.mistake("body:\n  a:\n    - relu\n    - gelu\n  b <- a[0]: relu")[0] == "not-a-list"


@pytest.mark.parametrize(
    ("after", "reads"),
    [
        ("m", ["m"]),
        ("m, n.o", ["m", "n.o"]),
        ("m,m", ["m", "m"]),
        ("x, prev", ["x", "n.o"]),
        ("parts[0], n.*", ["parts", "n.o"]),
        ("[], m", ["m"]),
    ],
)
def test_rule_21_what_may_stand_after_the_arrow(spec: Spec, after: str, reads: list[str]) -> None:
    text = f"body:\n  m: relu\n  parts: chunk(3)\n  n <- x:\n    o: relu\n  y <- {after}: concat"
    assert spec.reads(text)["y"] == reads


@pytest.mark.parametrize("after", ["", "x x", "x + x", "x,", "relu(x)", "x.", ".*", "[x]"])
def test_rule_21_nothing_else(spec: Spec, after: str) -> None:
    assert spec.mistake(f"body:\n  'y <- {after}': add")[0] == "bad-reference"


def test_rule_22_joins_take_lists_apart(spec: Spec) -> None:
    text = """
        input: [4, 8, 8]
        body:
          t: chunk(2)
          cat <- t, x: concat
          l <- t, x: tuple
          s <- l[0], l[1]: add
          m <- t: mul
    """
    reads = spec.reads(text)
    assert (reads["cat"], reads["s"], reads["m"]) == (["t", "t", "x"], ["t", "t"], ["t", "t"])


@pytest.mark.parametrize("op", ["relu", "conv(4, 1)", "flatten", "chunk(2)"])
def test_rule_22_every_other_op_refuses_a_list(spec: Spec, op: str) -> None:
    assert spec.mistake(f"input: [4, 8, 8]\nbody:\n  t: chunk(2)\n  a: {op}\noutputs: {{y: a}}")[0] == "list-as-tensor"


def test_rule_22_a_block_indexes_a_list_or_hands_it_on(spec: Spec) -> None:
    text = """
        input: [4, 8, 8]
        blocks:
          pick(i) <- l:
            y <- l[i]: relu
          on() <- l:
            y <- l: pick(1)
            n <- l, l: tuple
            z <- n[3], y: add
        body:
          t: chunk(2)
          a <- t: on
          none <- []: tuple
          one <- x: tuple
          b <- one[0], none, a: concat
    """
    graph = spec.graph(text)
    assert {n.path: [t.index for t in n.inputs] for n in graph.nodes} == {
        "t": [0],
        "a.y.y": [1],
        "a.z": [1, 0],
        "b": [0, 0],
    }


@pytest.mark.parametrize(
    ("call", "fits"),
    [
        ("c <- a, x: two", True),
        ("c <- a: two", False),
        ("c: two", False),
        ("c <- a, a, x: two", False),
        ("c: one", True),
        ("c <- a, x: one", False),
    ],
)
def test_rule_23_a_call_gives_exactly_the_declared_inputs(spec: Spec, call: str, fits: bool) -> None:
    text = f"blocks:\n  two() <- p, q:\n    y <- p, q: add\n  one:\n    y: relu\nbody:\n  a: relu\n  {call}"
    assert [d.code for d in spec.mistakes(text)] == ([] if fits else ["wrong-number-of-inputs"])


def test_rule_24_a_string_body_reads_all_inputs(spec: Spec) -> None:
    text = """
        blocks:
          join() <- a, b: concat
          choose(c) <- a, b:
            if c: concat
            else: add
        body:
          m: relu
          n <- m, x: join
          o <- m, x: choose(true)
          p <- m, x:
            if true: mul
    """
    reads = spec.reads(text)
    assert reads["n"] == reads["o"] == reads["p"] == ["m", "x"]


def test_rule_24_a_list_or_mapping_of_a_child_takes_one(spec: Spec) -> None:
    assert spec.mistake("body:\n  a: relu\n  b <- a, x:\n    - relu")[0] == "wrong-number-of-inputs"


def test_rule_25_what_a_body_gives(spec: Spec) -> None:
    text = """
        body:
          a:
            - relu
            - b: gelu
              c <- x: silu
          d: tanh
        head:
          e <- a: relu
    """
    graph = spec.graph(text)
    assert spec.reads(text)["d"] == ["a.c"]
    assert spec.reads(text)["e"] == ["a.c"]
    assert [t.producer.path for t in graph.outputs.values() if t.producer] == ["e"]


def test_rule_26_channels(spec: Spec) -> None:
    text = """
        input: [6, 8, 8]
        blocks:
          inner() <- c, d:
            y <- d: conv(c[1].channels * 100 + d.channels, 1)
        body:
          parts: split(4)
          n <- x: conv(parts[1].channels + 1, 1)
          y <- parts, n: inner
          z: conv(prev.channels // 7 + n.channels, 1)
    """
    assert {k: s[0] for k, s in spec.shapes(text).items()} == {
        "n.weight": 3,
        "n.bias": 3,
        "y.y.weight": 203,
        "y.y.bias": 203,
        "z.weight": 32,
        "z.bias": 32,
    }


@pytest.mark.parametrize(
    "expression", ["parts.channels", "nothing.channels", "x.height", "x.shape", "x.channels.real", "width.channels"]
)
def test_rule_26_only_channels_of_one_tensor(spec: Spec, expression: str) -> None:
    text = f"params: {{width: 4}}\nbody:\n  parts: chunk(3)\n  a <- x: conv({expression}, 1)"
    assert len(spec.mistakes(text)) == 1


def test_rule_27_parameter(spec: Spec) -> None:
    text = "body:\n  p: parameter([3, 1, 1], 0.5)\n  y <- x, p: mul\n  q: parameter([3])\n  r: identity"
    assert spec.keys(text) == ["p", "q"]
    assert spec.reads(text) == {"p": [], "y": ["x", "p"], "q": [], "r": ["q"]}
