"""`init`: which weights a rule speaks of, and expressions over their fan-in and fan-out."""

from __future__ import annotations

import pytest

from archc.backends.expanded import expanded
from archc.graph.fans import FanInit, Formula
from archc.graph.graph import Graph
from archc.graph.initial import initialisers
from archc.language.evaluate import Evaluator
from archc.ops.base import Init
from tests.language.conftest import Spec

NETWORK = """
params: {gain: 2, wide: false, steps: [1, 4]}
let: {half: gain / 4}
body:
  conv1: conv(8, 3)
  conv2: conv(8, 3, groups=8, bias=False)
  norm: batch_norm
  flatten: flatten
  fc: linear(10)
init:
"""
CONV1, CONV2, FC = (27, 72), (9, 72), (128, 10)  # fan-in and fan-out


def starts(graph: Graph) -> dict[str, Init]:
    return {key: init for key, init in initialisers(graph).items() if not key.startswith("norm.")}


def rewritten(graph: Graph) -> list[str]:
    """The arguments over fans, as the graph keeps them."""
    return [v.text for r in graph.init for _, v in r.init.args if isinstance(v, Formula)]


def test_each_layer_has_its_own(spec: Spec) -> None:
    graph = spec.graph(NETWORK + "  conv: {weight: normal(std=gain / fan_in), bias: constant(fan_out)}")
    found = starts(graph)
    assert found["conv1.weight"] == Init.of("normal", mean=0, std=2 / 27)
    assert found["conv2.weight"] == Init.of("normal", mean=0, std=2 / 9)
    assert found["conv1.bias"] == Init.of("constant", val=72)  # of the layer's weight
    assert found["fc.weight"].name == "kaiming_uniform"  # PyTorch's own


def test_a_later_rule_wins(spec: Spec) -> None:
    rules = "  conv, linear: constant(fan_in)\n  'f*.weight': constant(fan_out)\n  conv: constant(1 / fan_in)"
    found = starts(spec.graph(NETWORK + rules))
    assert [found[f"{layer}.weight"].args[0][1] for layer in ("conv1", "conv2", "fc")] == [1 / 27, 1 / 9, 10]


def test_layers_that_are_alike_are_evaluated_once(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    value = Evaluator.value

    def counted(self: Evaluator, expression: object, *args: object) -> object:
        texts.append(expression.text)  # pyright: ignore[reportAttributeAccessIssue]
        return value(self, expression, *args)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(Evaluator, "value", counted)
    layers = "".join(f"  c{i}: conv(3, 3, padding=1)\n" for i in range(40))
    graph = spec.graph(f"body:\n{layers}  fc: conv(2, 3)\ninit:\n  conv: constant(fan_out)")
    assert texts.count("constant(fan_out)") == 2
    (rule,) = graph.init
    assert isinstance(rule.init, FanInit)
    assert set(rule.init.at) == {(27, 27), (27, 18)}


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("sqrt(gain / fan_out)", "sqrt(2 / fan_out)"),
        ("half * -fan_in", "0.5 * -fan_in"),
        ("-half + (fan_in - -gain) ** 2", "-0.5 + (fan_in - -2) ** 2"),
        ("steps[1] / fan_in", "4 / fan_in"),
        ("float(fan_in in steps) if not wide else fan_out", "float(fan_in in [1, 4])"),
        ("1 if fan_in > steps[0] else sum(steps) / 3", "1 if fan_in > 1 else 5 / 3"),
        ("make_divisible(gain) * log(fan_out, base=gain)", "8 * log(fan_out, 2)"),
        ("max(n for n in steps) + min(fan_in, fan_out)", "max([1, 4]) + min(fan_in, fan_out)"),
        ("float(true == (fan_in < fan_out))", "float(True == (fan_in < fan_out))"),
    ],
)
def test_names_are_put_in_and_the_rest_stays(spec: Spec, written: str, kept: str) -> None:
    graph = spec.graph(NETWORK + f"  conv: constant({written})")
    assert rewritten(graph) == [kept]
    again = spec.graph(NETWORK + f"  conv: constant({kept})")
    assert starts(again) == starts(graph)


def test_a_condition_without_fans_chooses_the_initialiser(spec: Spec) -> None:
    rule = "  conv: normal(std=1 / fan_in) if wide else constant(fan_in)"
    assert starts(spec.graph(NETWORK + rule))["conv1.weight"] == Init.of("constant", val=27)
    assert starts(spec.graph(NETWORK + rule, wide=True))["conv1.weight"].name == "normal"


def test_the_names_mean_nothing_elsewhere(spec: Spec) -> None:
    assert spec.mistake("let: {std: 1 / fan_in}\nbody: conv(3, 1)") == ("unknown-name", "fan_in")
    assert spec.mistake("body: conv(fan_out, 1)") == ("unknown-name", "fan_out")


def test_they_hide_names_of_the_file(spec: Spec) -> None:
    graph = spec.graph("params: {fan_in: 5}\nbody:\n  a: conv(fan_in, 1)\ninit:\n  conv: constant(fan_in)")
    assert starts(graph)["a.weight"] == Init.of("constant", val=3)


def test_a_text_with_their_names_is_a_text(spec: Spec) -> None:
    graph = spec.graph('body:\n  a: conv(3, 1)\ninit:\n  conv: kaiming_normal(mode="fan_out")')
    assert not isinstance(graph.init[0].init, FanInit)


@pytest.mark.parametrize("rule", ["conv_transpose: constant(fen_in + fan_in)", "conv_transpose: fan_in"])
def test_a_mistake_is_one_where_no_layer_is_meant_too(spec: Spec, rule: str) -> None:
    assert len(spec.mistakes(NETWORK + f"  {rule}")) == 1


@pytest.mark.parametrize(
    ("rule", "code", "marked"),
    [
        ("conv: constant(1 / (fan_in - 9))", "no-value", "1 / (fan_in - 9)"),
        ("conv: constant(fan_inn + fan_in)", "unknown-name", "fan_inn"),
        ('conv: constant(fan_in + "a")', "wrong-operand", '"a"'),
        ("conv: constant(sqrt(9 - fan_in))", "no-value", "sqrt(9 - fan_in)"),
        ("conv: normal(1 / fan_in, mean=0)", "wrong-argument", "normal(1 / fan_in, mean=0)"),
        ("conv: constant(2 ** fan_out)", "too-large", "2 ** fan_out"),
        ("conv: constant(fan_in > 9)", "wrong-argument", "constant(fan_in > 9)"),
        ("conv: '[zeros, ones][int(fan_in > 9)]'", "fan-formula", "[zeros, ones][int(fan_in > 9)]"),
        ("batch_norm: constant(fan_in)", "no-fans", "fan_in"),
        ("'norm.*': constant(2 * fan_out)", "no-fans", "fan_out"),
        ("linear: {bias: xavier_normal}", "too-few-axes", "xavier_normal"),
        ("'*.weight': orthogonal", "too-few-axes", "orthogonal"),
        ("batch_norm: kaiming_uniform", "too-few-axes", "kaiming_uniform"),
    ],
)
def test_a_mistake_is_told_once_at_its_place(spec: Spec, rule: str, code: str, marked: str) -> None:
    assert spec.mistake(NETWORK + f"  {rule}") == (code, marked)


@pytest.mark.parametrize(
    "rule",
    [
        "conv: {weight: 'uniform(-1 / sqrt(fan_in), 1 / sqrt(fan_in))', bias: normal(std=1 / fan_out)}",
        "conv: {bias: 'constant(0.5 if fan_in in steps else -gain)'}",
        "'*.weight': zeros\n  'c*.weight': 'constant(float(\"it: #1\" == \"x\") + fan_in)'",
    ],
)
def test_expanded_it_starts_alike(spec: Spec, rule: str) -> None:
    graph = spec.graph(NETWORK + f"  {rule}")
    text = expanded(graph)
    assert starts(spec.graph(text)) == starts(graph)


@pytest.mark.parametrize("init", [
    "normal(std=-1)", "trunc_normal(std=0)", "trunc_normal(a=3, b=1)", "uniform(2, 1)", "uniform(-3e38, 3e38)",
    "xavier_uniform(gain=-1)", "xavier_normal(gain=-1)", "constant(1e39)", "kaiming_normal(a=1e200)",
    "normal(std=3 - fan_in)", "uniform(0, fan_in - 100)",
])  # fmt: skip
def test_numbers_that_torch_would_refuse_are_told_where_they_stand(spec: Spec, init: str) -> None:
    assert spec.mistake(NETWORK + f"  conv: {init}") == ("impossible-init", init)
