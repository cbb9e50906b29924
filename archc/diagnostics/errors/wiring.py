"""Children, their names, and what they read."""

from __future__ import annotations

from collections.abc import Sequence

from archc.diagnostics.diagnostic import Diagnostic, Label
from archc.diagnostics.errors.suggest import closest, did_you_mean
from archc.diagnostics.span import Span
from archc.display.names import listed
from archc.display.numbers import count

__all__ = [
    "bad_child_name", "bad_reference", "body_takes_one", "built_too_deeply", "child_named_as_input",
    "container_is_no_tensor", "dotted_into_body", "doubled_child", "joins_nothing", "list_as_tensor",
    "list_has_no_channels", "name_too_long", "no_children", "no_prev", "nothing_built", "reads_nothing",
    "reserved_name", "tensor_not_list", "tensor_too_large", "too_many_layers", "unknown_child", "unknown_tensor",
    "wrong_number_of_inputs",
]  # fmt: skip


def unknown_tensor(span: Span, name: str, reach: Sequence[str], header: Span | None) -> Diagnostic:
    advice = f"in reach: {listed(list(dict.fromkeys(reach)))}" if reach else None
    secondary: tuple[Label, ...] = ()
    if name == "x" and header is not None:
        secondary = (Label(header, "this block names its inputs otherwise"),)
    elif header is not None and closest(name, reach) is None:
        advice = (advice + "; " if advice else "") + "a block never sees the tensors of its caller"
    return Diagnostic(
        "unknown-tensor",
        f"there is no tensor `{name}` in reach",
        Label(span, did_you_mean(name, reach)),
        secondary,
        help=advice,
    )


def unknown_child(span: Span, path: str, name: str, known: Sequence[str]) -> Diagnostic:
    if not known:
        return no_children(span, path)
    note = f"`{path}` has {listed(known)}"
    return Diagnostic(
        "unknown-tensor", f"`{path}` has no child `{name}`", Label(span, did_you_mean(name, known)), notes=(note,)
    )


def no_children(span: Span, path: str) -> Diagnostic:
    return Diagnostic("unknown-tensor", f"`{path}` has no children", Label(span))


def container_is_no_tensor(span: Span, path: str, children: Sequence[str]) -> Diagnostic:
    return Diagnostic(
        "not-a-tensor",
        f"`{path}` only holds children, and is no tensor",
        Label(span),
        help=f"read one of them, `{path}.{children[0]}`, or all, `{path}.*`",
    )


def bad_reference(span: Span, text: str) -> Diagnostic:
    what = f"`{text}` names no tensor" if text else "a tensor is missing here"
    return Diagnostic(
        "bad-reference",
        what,
        Label(span),
        help=(
            "after `<-` stand names (`conv2`), paths (`layer1.0.conv1`), `parts[1]`, `outs.*`, `prev`, `x` or `[]`, "
            "with commas between"
        ),
    )


def no_prev(span: Span) -> Diagnostic:
    return Diagnostic(
        "no-prev",
        "there is nothing before this that it could read",
        Label(span),
        help="with several inputs the first child says what it reads: `name <- image: …`",
    )


def tensor_not_list(span: Span, name: str) -> Diagnostic:
    return Diagnostic(
        "not-a-list",
        f"`{name}` is one tensor, not a list of them",
        Label(span),
        help="`a[0]` is one of a list (`chunk`, `split`, `tuple`); a child is `a.0`; channels are cut by `slice`",
    )


def list_has_no_channels(span: Span, name: str, length: int) -> Diagnostic:
    return Diagnostic(
        "list-as-tensor",
        f"`{name}` is a list of {count(length, 'tensor')}, which has no channels",
        Label(span),
        help=f"ask one of them: `{name}[0].channels`",
    )


def list_as_tensor(span: Span, op: str, length: int) -> Diagnostic:
    return Diagnostic(
        "list-as-tensor",
        f"`{op}` takes one tensor, and this is a list of {length}",
        Label(span),
        help="take one, `name[0]`, or join them first: `all <- name: concat`",
    )


def reads_nothing(span: Span, op: str) -> Diagnostic:
    return Diagnostic("wrong-number-of-inputs", f"`{op}` reads nothing", Label(span), help="leave out the `<-`")


def joins_nothing(span: Span, op: str) -> Diagnostic:
    return Diagnostic("wrong-number-of-inputs", f"`{op}` needs at least one tensor", Label(span))


def wrong_number_of_inputs(
    span: Span, callee: str, wanted: int, given: int, names: Sequence[str] = (), declared: Span | None = None
) -> Diagnostic:
    reads = f" ({', '.join(names)})" if len(names) > 1 else ""
    example = ", ".join(names) if len(names) > 1 else ", ".join("ab"[:wanted]) if wanted <= 2 else "a, b, c"
    return Diagnostic(
        "wrong-number-of-inputs", f"`{callee}` takes {count(wanted, 'input')}{reads}, not {given}", Label(span),
        (Label(declared, "declared here"),) if declared is not None else (),
        help=f"`name <- {example}: {callee}…`" if wanted > given else None,
    )  # fmt: skip


def body_takes_one(span: Span, given: int) -> Diagnostic:
    return Diagnostic(
        "wrong-number-of-inputs",
        f"a child with a body reads one tensor, not {given}",
        Label(span),
        help="its children read the others by name; or make it a block: `name(…) <- a, b:`",
    )


def nothing_built(span: Span) -> Diagnostic:
    return Diagnostic("no-prev", "none of these is chosen, and there is no input to hand on", Label(span))


def built_too_deeply(span: Span, limit: int) -> Diagnostic:
    return Diagnostic(
        "too-deep",
        f"blocks and bodies are nested deeper than {limit} levels",
        Label(span),
        help="does a block call itself without an end? Put the call under an `if`",
    )


def too_many_layers(span: Span, limit: int) -> Diagnostic:
    return Diagnostic(
        "too-many-layers",
        f"this network has more than {limit:,} layers",
        Label(span, "given up here"),
        help="is a loop longer than was meant?",
    )


def bad_child_name(span: Span, name: str) -> Diagnostic:
    return Diagnostic(
        "bad-name",
        f"`{name}` is no name of a child" if name else "the child has no name",
        Label(span),
        help="names are made of letters, digits, `_` and `-`; a dot separates levels",
    )


def name_too_long(span: Span, limit: int) -> Diagnostic:
    return Diagnostic("bad-name", f"this name has more than {limit} characters", Label(span))


def tensor_too_large(span: Span, what: str) -> Diagnostic:
    return Diagnostic("too-large", f"{what} has more numbers than any machine can address", Label(span))


def reserved_name(span: Span, name: str) -> Diagnostic:
    why = "is spoken for" if name in ("x", "prev", "self") else "is an attribute of every PyTorch module"
    return Diagnostic(
        "reserved-name",
        f"a child can't be called `{name}`, which {why}",
        Label(span),
        help=f"for example `{name}_`" if name != "self" else None,
    )


def child_named_as_input(span: Span, name: str) -> Diagnostic:
    return Diagnostic("doubled-name", f"`{name}` is already the name of an input", Label(span))


def doubled_child(span: Span, name: str, first: Span) -> Diagnostic:
    here = first.start == span.start and first.source is span.source
    secondary = () if here else (Label(first, "first here"),)
    advice = f"in a loop, put the loop's variable into the name: `{name}${{i}}`" if here else None
    return Diagnostic(
        "doubled-child", f"there are two children `{name}`", Label(span, "again here"), secondary, help=advice
    )


def dotted_into_body(span: Span, name: str, first: Span) -> Diagnostic:
    return Diagnostic(
        "doubled-child",
        f"`{name}` has a body, and can't be added to from outside",
        Label(span),
        (Label(first, "here"),),
        help="write the child in that body",
    )
