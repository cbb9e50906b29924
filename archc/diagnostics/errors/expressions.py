"""Expressions and their values."""

from __future__ import annotations

from collections.abc import Sequence

from archc.diagnostics.diagnostic import Diagnostic, Label
from archc.diagnostics.errors.suggest import did_you_mean
from archc.diagnostics.span import Span
from archc.display.numbers import count

__all__ = [
    "bad_target", "doubled_let", "expression_syntax", "expression_too_large", "forbidden_syntax",
    "index_not_integer", "index_out_of_range", "layer_as_condition", "list_too_long", "no_value", "not_a_list",
    "not_comparable", "number_too_large", "target_misfit", "template_value", "too_many_steps", "unknown_name",
    "wrong_operand",
]  # fmt: skip


def bad_target(span: Span) -> Diagnostic:
    return Diagnostic(
        "bad-for",
        "the target of a `for` is a name, or names with commas",
        Label(span),
        help="for example `i`, or `i, (width, n)`",
    )


def expression_syntax(span: Span, detail: str, text: str) -> Diagnostic:
    advice = None
    if "<-" in text:
        advice = "`<-` belongs in the key: `name <- a, b: op`"
    elif text.count("(") != text.count(")"):
        advice = "the brackets don't match"
    return Diagnostic("expression-syntax", f"this is no expression: {detail}", Label(span), help=advice)


def forbidden_syntax(span: Span, what: str) -> Diagnostic:
    advice = (
        "only `.channels` can be asked, of a tensor in reach"
        if "attribute" in what
        else (
            "expressions have numbers, texts, lists, operators, comparisons, `a if c else b`, indexing, comprehensions "
            "and the language's functions"
        )
    )
    return Diagnostic("forbidden-syntax", f"{what} is not part of the language", Label(span), help=advice)


def expression_too_large(span: Span, detail: str) -> Diagnostic:
    return Diagnostic("too-large", f"this expression is too large: {detail}", Label(span))


def layer_as_condition(span: Span, what: str) -> Diagnostic:
    return Diagnostic("layer-as-value", f"{what} is no condition", Label(span), help="compare it: `act != identity`")


def too_many_steps(span: Span, limit: int) -> Diagnostic:
    return Diagnostic(
        "too-many-steps",
        f"this network takes more than {limit:,} steps to work out",
        Label(span, "given up here"),
        help="is a loop or a list longer than was meant?",
    )


def unknown_name(span: Span, name: str, known: Sequence[str], *, is_tensor: bool) -> Diagnostic:
    advice = None
    if is_tensor:
        advice = (
            f"`{name}` is a tensor: only `.channels` can be asked of it here; to read it, write `name <- {name}: …`"
        )
    elif name == "x":
        advice = "the input of the block can be asked only for `x.channels`"
    return Diagnostic("unknown-name", f"there is no `{name}`", Label(span, did_you_mean(name, known)), help=advice)


def wrong_operand(span: Span, symbol: str, what: str) -> Diagnostic:
    code = "layer-as-value" if what.startswith(("the op", "the block", "a call")) else "wrong-operand"
    return Diagnostic(code, f"`{symbol}` does not take {what}", Label(span, f"this is {what}"))


def not_comparable(span: Span, symbol: str, left: str, right: str) -> Diagnostic:
    return Diagnostic("wrong-operand", f"`{symbol}` does not compare {left} with {right}", Label(span))


def no_value(span: Span, why: str) -> Diagnostic:
    return Diagnostic("no-value", f"this has no value: {why}", Label(span))


def number_too_large(span: Span) -> Diagnostic:
    return Diagnostic("too-large", "this number is too large: integers are of 64 bits", Label(span))


def list_too_long(span: Span) -> Diagnostic:
    return Diagnostic("too-large", "this list or text is too long", Label(span))


def not_a_list(span: Span, what: str, loop: bool = False) -> Diagnostic:
    advice = "`range(n)` counts from 0 to n − 1" if loop and what.startswith("the number") else None
    if what.startswith('the text "['):
        advice = "a list in `let` or `params` is written without quotes"
    return Diagnostic(
        "not-a-list",
        f"{'a loop goes over a list' if loop else 'only lists have items'}; this is {what}",
        Label(span),
        help=advice,
    )


def index_out_of_range(span: Span, index: int, length: int) -> Diagnostic:
    return Diagnostic(
        "index-out-of-range",
        f"there is no item {index}: the list has {count(length, 'item')}",
        Label(span),
        help=f"they are 0 to {length - 1}" if length else None,
    )


def index_not_integer(span: Span, what: str) -> Diagnostic:
    return Diagnostic("wrong-operand", f"an index is an integer; this is {what}", Label(span))


def target_misfit(span: Span, names: int, what: str) -> Diagnostic:
    return Diagnostic("bad-for", f"{count(names, 'name')} can't hold {what}", Label(span))


def template_value(span: Span, what: str) -> Diagnostic:
    return Diagnostic("bad-key", f"`${{…}}` in a key is a text or an integer; this is {what}", Label(span))


def doubled_let(span: Span, name: str, first: Span | None) -> Diagnostic:
    secondary = (Label(first, "first here"),) if first is not None else ()
    return Diagnostic("doubled-name", f"`{name}` is given twice in one scope", Label(span, "again here"), secondary)
