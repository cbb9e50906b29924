"""YAML, keys and bodies."""

from __future__ import annotations

from collections.abc import Sequence

from archc.diagnostics.diagnostic import Diagnostic, Label
from archc.diagnostics.errors.suggest import did_you_mean
from archc.diagnostics.span import Span
from archc.display.names import listed

__all__ = [
    "bad_for",
    "bad_name",
    "bad_shape",
    "duplicate_key",
    "else_with_condition",
    "empty_body",
    "empty_file",
    "file_too_large",
    "flow_trap",
    "key_not_text",
    "key_without_network",
    "mapping_as_value",
    "nested_too_deeply",
    "no_input",
    "no_section",
    "not_a_mapping",
    "not_a_text",
    "not_an_initialiser",
    "not_names_of_blocks",
    "open_template",
    "several_documents",
    "stray_else",
    "too_many_aliases",
    "too_many_values",
    "unknown_alias",
    "unknown_key",
    "unknown_tag",
    "unreadable",
    "yaml_syntax",
]  # fmt: skip

# What libyaml says → what that means, and what to do.
_YAML_PROBLEMS = {
    "mapping values are not allowed": (
        "this colon is not expected here",
        "a value that holds a colon and a blank is quoted; or is this line indented wrongly?",
    ),
    "did not find expected ',' or '}'": (
        "a `,` or `}` is missing before this",
        "in `{…}`, quote values that hold brackets or commas, or write one key a line",
    ),
    "did not find expected ',' or ']'": (
        "a `,` or `]` is missing before this",
        "in `[…]`, quote values that hold brackets or commas, or write one item a line",
    ),
    "did not find expected key": (
        "a key is expected here",
        "keys of one mapping are indented alike; text that goes on after a quote or bracket is quoted as a whole",
    ),
    "did not find expected '-' indicator": (
        "an item, `- …`, is expected here",
        "items of one list are indented alike",
    ),
    "could not find expected ':'": ("a `:` is missing before this", "a key is followed by a colon and a blank"),
    "found unexpected end of stream": ("the file ends here, within quotes", "close the quotes"),
    "found unexpected document indicator": ("a document ends here, within quotes", "close the quotes"),
    "found undefined tag handle": ("this is a tag", "tags are not part of the language; quote the value"),
    "not allowed in YAML": ("this character is not allowed in YAML", "save the file as UTF-8 text"),
}
_YAML_CONTEXTS = {
    "while parsing a flow sequence": "the list that begins here",
    "while parsing a flow mapping": "the mapping that begins here",
    "while parsing a block mapping": "the mapping that begins here",
    "while parsing a block collection": "the list that begins here",
    "while scanning a quoted scalar": "these quotes",
    "while scanning a simple key": "this key",
}


def yaml_syntax(span: Span, problem: str, opened: Span | None, context: str) -> Diagnostic:
    found, advice = next((p for key, p in _YAML_PROBLEMS.items() if key in problem), (problem, None))
    if "cannot start any token" in problem:
        found, advice = _bad_start(span.text)
    secondary: tuple[Label, ...] = ()
    if opened is not None and opened.start != span.start:
        secondary = (Label(opened, _YAML_CONTEXTS.get(context, context)),)
    return Diagnostic("yaml-syntax", "this is not YAML", Label(span.part(0, 0), found), secondary, help=advice)


def _bad_start(char: str) -> tuple[str, str]:
    if char == "\t":
        return "this is a tab", "indent with blanks"
    return f"no value begins with `{char}`", "quote the value"


def unreadable(span: Span, why: str) -> Diagnostic:
    return Diagnostic("unreadable", f"`{span.source.name}` can't be read: {why}", Label(span))


def file_too_large(span: Span, limit: int) -> Diagnostic:
    return Diagnostic(
        "too-large",
        f"`{span.source.name}` is larger than {limit // 1024:,} KiB, the most that a spec may be",
        Label(span),
    )


def empty_file(span: Span) -> Diagnostic:
    return Diagnostic(
        "empty-spec", "there is nothing in this file", Label(span), help="a spec has at least `input` and `body`"
    )


def several_documents(span: Span) -> Diagnostic:
    return Diagnostic("several-documents", "a spec is one YAML document", Label(span, "a second one begins here"))


def flow_trap(span: Span, around: Span, mapping: bool) -> Diagnostic:
    brackets, better = ("{…}", "key: layer(a, b)") if mapping else ("[…]", "- layer(a, b)")
    return Diagnostic(
        "flow-trap",
        f"within `{brackets}` YAML splits at every comma, also in `{span.text}, …)`",
        Label(span, "cut off here"),
        (Label(around, "in this"),) if around.line != span.line else (),
        help=f"write one a line, `{better}`, or put quotes around each",
    )


def unknown_tag(span: Span, tag: str) -> Diagnostic:
    return Diagnostic(
        "unknown-tag",
        f"tags such as `{tag.replace('tag:yaml.org,2002:', '!!')}` are not part of the language",
        Label(span),
        help="write the value alone, in quotes where it is meant as text",
    )


def nested_too_deeply(span: Span, limit: int) -> Diagnostic:
    return Diagnostic("too-deep", f"lists and mappings are nested deeper than {limit} levels", Label(span))


def unknown_alias(span: Span, name: str) -> Diagnostic:
    return Diagnostic(
        "unknown-alias",
        f"`*{name}` stands for nothing that is complete here",
        Label(span),
        help=f"an alias comes after its anchor, `&{name}`, and not within it",
    )


def too_many_aliases(span: Span, aliases: int, nodes: int) -> Diagnostic:
    return Diagnostic(
        "too-many-aliases", f"more than {aliases} aliases, or {nodes:,} values by aliases", Label(span),
        help="what repeats is better written as a block or a `for`",
    )  # fmt: skip


def too_many_values(span: Span, limit: int) -> Diagnostic:
    return Diagnostic("too-large", f"a spec may hold at most {limit:,} values", Label(span))


def key_not_text(span: Span) -> Diagnostic:
    return Diagnostic(
        "bad-key",
        "a key is a text, not a list or a mapping",
        Label(span),
        help="a value that begins with `[` or `{` is quoted: `'[a, b]'`",
    )


def duplicate_key(span: Span, key: str, first: Span) -> Diagnostic:
    control = key.split(" ")[0] in ("if", "for", "let", "elif", "else")
    advice = "write list items instead: `- " + key.split(" ")[0] + " …`" if control else None
    return Diagnostic(
        "duplicate-key",
        f"`{key}` stands twice in one mapping",
        Label(span, "again here"),
        (Label(first, "first here"),),
        help=advice,
    )


def unknown_key(span: Span, key: str, known: Sequence[str]) -> Diagnostic:
    note = "the keys are " + listed(sorted(known), 30)
    advice = "`<<` is of YAML 1.1; use a block or `params`" if key == "<<" else None
    return Diagnostic(
        "unknown-key", f"a spec has no key `{key}`", Label(span, did_you_mean(key, known)), notes=(note,), help=advice
    )


def key_without_network(span: Span, key: str) -> Diagnostic:
    return Diagnostic(
        "key-without-network",
        f"`{key}` speaks of a network, and this file has only blocks",
        Label(span),
        help="a network has `input` and at least one of `stem`, `body` and `head`",
    )


def no_input(span: Span) -> Diagnostic:
    return Diagnostic(
        "no-input",
        "the network has no `input`",
        Label(_first_line(span)),
        help="add `input: [3, 224, 224]`: channels, height, width",
    )


def no_section(span: Span) -> Diagnostic:
    return Diagnostic(
        "no-section",
        "the network has no layers",
        Label(_first_line(span)),
        help="add at least one of `stem`, `body` and `head`",
    )


def _first_line(span: Span) -> Span:
    return span.part(0, max(1, len(span.text.partition("\n")[0])))


def not_a_mapping(span: Span, what: str, example: str) -> Diagnostic:
    return Diagnostic(
        "wrong-type", f"{what} must be a mapping", Label(span, "this is none"), help=f"for example `{example}`"
    )


def not_a_text(span: Span, key: str) -> Diagnostic:
    return Diagnostic("wrong-type", f"`{key}` must be text", Label(span, "this is none"))


def not_names_of_blocks(span: Span) -> Diagnostic:
    return Diagnostic(
        "wrong-type",
        "a file in `use` must have the list of the blocks that are wanted",
        Label(span),
        help="for example `blocks/residual: [basic, bottleneck]`",
    )


def not_an_initialiser(span: Span) -> Diagnostic:
    return Diagnostic(
        "wrong-type",
        "an entry of `init` must be an initialiser",
        Label(span),
        help="for example `kaiming_normal` or `{weight: trunc_normal(std=0.02), bias: zeros}`",
    )


def mapping_as_value(span: Span) -> Diagnostic:
    return Diagnostic("wrong-type", "a value is a number, a boolean, a text or a list, not a mapping", Label(span))


def bad_shape(span: Span) -> Diagnostic:
    return Diagnostic(
        "bad-shape",
        "a shape is a list of one or more positive integers, without the batch",
        Label(span),
        help="`input: [3, 224, 224]`,\nor with names `input: {image: [3, 224, 224], depth: [1, 224, 224]}`;\n"
        "nothing is computed here",
    )


def bad_name(span: Span, text: str, what: str) -> Diagnostic:
    return Diagnostic(
        "bad-name",
        f"`{text}` is no name of {what}",
        Label(span),
        help="names are made of letters, digits and `_`, and begin with a letter",
    )


def empty_body(span: Span, what: str) -> Diagnostic:
    return Diagnostic(
        "empty-body", f"{what} holds nothing", Label(span), help="write `identity` for a layer that does nothing"
    )


def stray_else(span: Span, word: str) -> Diagnostic:
    return Diagnostic(
        "stray-else",
        f"`{word}` has no `if`",
        Label(span),
        help=f"`{word}` directly follows its `if` or `elif` in the same mapping",
    )


def else_with_condition(span: Span) -> Diagnostic:
    return Diagnostic("stray-else", "`else` has no condition", Label(span), help="did you mean `elif`?")


def bad_for(span: Span) -> Diagnostic:
    return Diagnostic(
        "bad-for",
        "a `for` is written `for name in list:`",
        Label(span),
        help="for example `for i in range(4):` or `for i, (w, n) in enumerate(stages):`",
    )


def open_template(span: Span) -> Diagnostic:
    return Diagnostic(
        "bad-key", "`${` is not closed", Label(span), help="write `${i + 1}`; the expression holds no `}`"
    )
