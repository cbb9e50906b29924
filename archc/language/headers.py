"""Headers of blocks: `name(parameters) <- inputs`. Rules 22, 23 and 36 of the language."""

from __future__ import annotations

import ast

from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.language.expression import Expression, parse_expression
from archc.language.syntax import Scalar
from archc.language.values import Parameter


def read_header(header: Scalar, collector: Collector) -> tuple[str, list[Parameter], list[str]] | None:
    """Name, parameters and inputs; None, and a diagnostic, where it is no header."""
    call, arrow, rest = header.text.partition("<-")
    inputs = [i.strip() for i in rest.split(",")] if arrow else ["x"]
    name, parenthesis, _ = call.partition("(")
    name = name.strip()
    if not name.isidentifier() or name == "prev":
        return _refused(
            header, 0, len(call.partition("(")[0]), collector, f"`{name}` is no name" if name else "the name is missing"
        )
    parameters: list[Parameter] | None = []
    if parenthesis:
        parameters = _parameters(header, call, collector)
    if parameters is None:
        return None
    after = len(call) + len(arrow)
    for given in inputs:
        if not given.isidentifier() or given == "prev":
            why = f"`{given}` is no name of an input" if given else "after `<-` stand the names of the inputs"
            return _refused(header, len(call), len(header.text), collector, why)
    if len(set(inputs)) < len(inputs):
        collector.add(errors.doubled_input(header.part(after, len(header.text))))
        return None
    return name, parameters, inputs


def _refused(header: Scalar, start: int, end: int, collector: Collector, why: str) -> None:
    collector.add(errors.bad_header(header.part(start, max(end, start + 1)), why))


def _parameters(header: Scalar, call: str, collector: Collector) -> list[Parameter] | None:
    """Read as a call whose arguments are names and `name=default`, which has the same shape."""
    trial = Collector()
    expression = parse_expression(header, trial, 0, len(call))
    if expression is None:
        (why,) = trial.diagnostics
        collector.add(errors.bad_header(why.span, why.message.removeprefix("this is no expression: ")))
        return None
    tree = expression.tree
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        collector.add(errors.bad_header(expression.span, "this is not `name(parameters)`"))
        return None
    found: list[Parameter] = []
    for argument in tree.args:
        if not isinstance(argument, ast.Name):
            collector.add(errors.bad_header(expression.place(argument), "a parameter is a name, or `name=default`"))
            return None
        found.append(Parameter(argument.id, None, expression.place(argument)))
    for keyword in tree.keywords:
        assert keyword.arg is not None
        start = keyword.value.col_offset
        end = keyword.value.end_col_offset or start
        text = expression.text.encode()[start:end].decode()
        offset = expression.offset + len(expression.text.encode()[:start].decode())
        default = Expression(_rebased(text, keyword.value), text, header, offset)
        found.append(Parameter(keyword.arg, default, expression.place(keyword)))
    return _unique(found, collector)


def _rebased(text: str, tree: ast.expr) -> ast.expr:
    """The default as a tree of its own, whose columns begin at 0."""
    again = ast.parse(text, mode="eval").body
    return again if type(again) is type(tree) else tree


def _unique(found: list[Parameter], collector: Collector) -> list[Parameter] | None:
    seen: dict[str, Parameter] = {}
    for parameter in found:
        if parameter.name in seen:
            collector.add(errors.doubled_parameter(parameter.span, parameter.name, seen[parameter.name].span))
            return None
        seen[parameter.name] = parameter
    return found
