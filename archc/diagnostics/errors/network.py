"""The network as a whole: files, parameters, variants, outputs, initialisers, labels, expectations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archc.diagnostics.diagnostic import Diagnostic, Label
from archc.diagnostics.errors.suggest import did_you_mean
from archc.diagnostics.span import Span
from archc.display.names import listed
from archc.display.numbers import count

__all__ = [
    "ambiguous_output", "bad_field", "block_missing", "block_twice", "fans_outside", "impossible_init", "labels_count",
    "labels_unreadable", "no_fans", "no_formula", "no_such_file", "not_a_list_of_rules", "nothing_built_at_all",
    "output_is_list", "pattern_matches_nothing",
    "preprocess_mismatch", "rule_without_effect", "stars_differ", "too_few_axes", "too_many_variants",
    "unknown_init_op", "unknown_init_weight", "unknown_output", "unknown_param", "unknown_path", "unknown_variant",
    "unused_weights",
    "use_cycle", "wrong_init", "wrong_param", "wrong_variant_input",
]  # fmt: skip


def unknown_variant(span: Span, name: str, known: Sequence[str]) -> Diagnostic:
    return Diagnostic(
        "unknown-variant",
        f"there is no variant `{name}`",
        Label(span, did_you_mean(name, known)),
        notes=(f"the variants are {listed(known)}",),
    )


def too_many_variants(span: Span, limit: int) -> Diagnostic:
    return Diagnostic("too-large", f"a spec may have at most {limit} variants", Label(span))


def unknown_param(span: Span, name: str, known: Sequence[str]) -> Diagnostic:
    note = f"the parameters are {listed(known)}" if known else "the spec has no `params`"
    return Diagnostic(
        "unknown-param", f"there is no parameter `{name}`", Label(span, did_you_mean(name, known)), notes=(note,)
    )


def wrong_param(span: Span, name: str, kind: str, value: Any) -> Diagnostic:
    from archc.language.values import describe

    return Diagnostic(
        "wrong-param", f"the parameter `{name}` is {kind}, as its default is", Label(span, f"this is {describe(value)}")
    )


def wrong_variant_input(span: Span, known: Sequence[str]) -> Diagnostic:
    return Diagnostic("wrong-param", f"a variant's `input` has the inputs of the spec, {listed(known)}", Label(span))


def no_such_file(span: Span, path: str, known: Sequence[str]) -> Diagnostic:
    where = "beside this file" if path.startswith(".") else "in the library"
    advice = (
        None
        if path.startswith(".")
        else "a path that begins with `.` is relative to this file, any other is the library's, without `.yaml`"
    )
    return Diagnostic(
        "no-such-file", f"there is no `{path}` {where}", Label(span, did_you_mean(path, known)), help=advice
    )


def use_cycle(span: Span, names: Sequence[str]) -> Diagnostic:
    return Diagnostic(
        "use-cycle",
        "these files use one another: " + " → ".join(names),
        Label(span),
        help="put what both need into a third file",
    )


def block_missing(span: Span, name: str, path: str, known: Sequence[str]) -> Diagnostic:
    note = f"it has {listed(known)}" if known else "it has no blocks"
    return Diagnostic(
        "unknown-block", f"`{path}` has no block `{name}`", Label(span, did_you_mean(name, known)), notes=(note,)
    )


def block_twice(span: Span, name: str, first: Span) -> Diagnostic:
    return Diagnostic(
        "doubled-name", f"there are two blocks `{name}`", Label(span, "again here"), (Label(first, "first here"),)
    )


def ambiguous_output(span: Span, length: int) -> Diagnostic:
    return Diagnostic(
        "no-output",
        f"the network ends in a list of {count(length, 'tensor')}, so `outputs` must say which",
        Label(span),
        help="outputs: {p2: 'fpn[0]', p3: 'fpn[1]'}",
    )


def nothing_built_at_all(span: Span) -> Diagnostic:
    return Diagnostic(
        "no-output",
        "this network builds nothing",
        Label(span),
        help="the first layer says what it reads: `a <- image: …`",
    )


def unknown_output(span: Span) -> Diagnostic:
    return Diagnostic("bad-reference", "an output is the name of one tensor", Label(span), help="outputs: {logits: fc}")


def output_is_list(span: Span, name: str, length: int) -> Diagnostic:
    return Diagnostic(
        "list-as-tensor",
        f"`{name}` is a list of {count(length, 'tensor')}, and an output is one",
        Label(span),
        help=f"take one: `'{name}[0]'`",
    )


def unused_weights(span: Span, path: str) -> Diagnostic:
    return Diagnostic(
        "unused-weights",
        f"no output needs `{path}`, which has weights",
        Label(span),
        severity="warning",
        help="name it in `outputs` or `train_outputs`, read it, or leave it out",
    )


def unknown_init_op(span: Span, name: str, known: Sequence[str]) -> Diagnostic:
    return Diagnostic(
        "unknown-op",
        f"there is no op `{name}`",
        Label(span, did_you_mean(name, known)),
        help='keys of `init` are ops, or patterns over state_dict keys, with a dot: `"*.bn3.weight"`',
    )


def unknown_init_weight(span: Span, op: str, name: str, known: Sequence[str]) -> Diagnostic:
    note = f"it has {listed(known)}" if known else "it has no weights"
    return Diagnostic(
        "unknown-weight", f"`{op}` has no weight `{name}`", Label(span, did_you_mean(name, known)), notes=(note,)
    )


def wrong_init(span: Span, what: str, known: Sequence[str]) -> Diagnostic:
    return Diagnostic(
        "wrong-init", f"here is an initialiser; this is {what}", Label(span), notes=(f"they are {listed(known, 20)}",)
    )


def impossible_init(span: Span, initialiser: str, why: str) -> Diagnostic:
    return Diagnostic("impossible-init", f"`{initialiser}` can't start weights: {why}", Label(span))


def no_fans(span: Span, key: str, shape: tuple[int, ...]) -> Diagnostic:
    return Diagnostic(
        "no-fans",
        f"`{key}` has no fan-in and fan-out: the weight of its layer is a vector, {list(shape)}",
        Label(span),
        help="name only layers whose weights have two axes or more: `conv, linear: …`",
    )


def too_few_axes(span: Span, initialiser: str, key: str, shape: tuple[int, ...]) -> Diagnostic:
    return Diagnostic(
        "too-few-axes",
        f"`{initialiser}` needs two axes or more, and `{key}` is a vector, {list(shape)}",
        Label(span),
        help="vectors start from `zeros`, `ones`, `constant`, `uniform`, `normal` or `trunc_normal`",
    )


def fans_outside(span: Span) -> Diagnostic:
    return Diagnostic(
        "fan-formula",
        "`fan_in` and `fan_out` stand within the arguments of an initialiser, and don't choose it",
        Label(span),
        help="for example `normal(std=0.01 if fan_in > 512 else 0.02)`",
    )


def no_formula(span: Span) -> Diagnostic:
    return Diagnostic(
        "fan-formula",
        "this can't be computed from `fan_in` and `fan_out`",
        Label(span),
        help="they take numbers, arithmetic, comparisons, conditions, `min`, `max`, `sqrt`, `log` and rounding",
    )


def pattern_matches_nothing(span: Span, pattern: str) -> Diagnostic:
    return Diagnostic(
        "no-match",
        f"no weight of any variant matches `{pattern}`",
        Label(span),
        help="`*` stands for any text, dots too, and the pattern for the whole key",
    )


def labels_count(span: Span, labels: int, channels: int, output: str) -> Diagnostic:
    return Diagnostic(
        "labels-mismatch", f"{count(labels, 'label')} for {count(channels, 'channel')} of `{output}`", Label(span)
    )


def labels_unreadable(span: Span, path: str, why: str) -> Diagnostic:
    return Diagnostic(
        "no-such-file",
        f"the labels' file `{path}` can't be read: {why}",
        Label(span),
        help="it lies beside this file, and has one name a line",
    )


def preprocess_mismatch(span: Span, message: str, help: str | None = None) -> Diagnostic:
    return Diagnostic("preprocess-mismatch", message, Label(span), help=help)


def bad_field(span: Span, where: str, message: str, name: str = "", known: Sequence[str] = ()) -> Diagnostic:
    if name:
        return Diagnostic(
            "unknown-key",
            f"{where} has no `{name}`",
            Label(span, did_you_mean(name, known)),
            notes=(f"it has {listed(known)}",),
        )
    return Diagnostic("wrong-type", f"{where}: {message}", Label(span))


def unknown_path(span: Span, path: str, known: Sequence[str]) -> Diagnostic:
    return Diagnostic("unknown-path", f"the network has no `{path}`", Label(span, did_you_mean(path, known)))


def not_a_list_of_rules(span: Span, example: str) -> Diagnostic:
    return Diagnostic(
        "wrong-type", "`weights` must be a list of rules", Label(span, "this is none"), help=f"for example `{example}`"
    )


def rule_without_effect(span: Span, effects: Sequence[str]) -> Diagnostic:
    return Diagnostic("wrong-type", f"a rule of `weights` does nothing without one of {listed(effects)}", Label(span))


def stars_differ(span: Span, pattern: str, target: str) -> Diagnostic:
    found = f"{target.count('*')} here, and {pattern.count('*')} in `{pattern}`"
    return Diagnostic(
        "wrong-pattern",
        "both sides of `rename` have as many `*`",
        Label(span, found),
        help="each `*` of the new name stands for the text of the one in its place",
    )
