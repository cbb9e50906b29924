"""The PyTorch source of a network: one module that imports torch alone, written as a person would write it.

Containers that are alike share a class; what differs between them becomes parameters of its constructor. Torch is not
needed to write it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from archc.backends._source.classes import Plan, Planner, used_plans
from archc.backends._source.constructor import Constructor
from archc.backends._source.names import MODULE_NAMES, camel, fresh, network_class
from archc.backends._source.render import ClassText, ClassWriter
from archc.backends._source.start import start_lines
from archc.graph.graph import Graph, Module, Node
from archc.version import __version__

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES = Path(__file__).parent.parent / "templates"
_MOST_INLINE = 3  # named children; a longer chain is a class even where it stands once


def source(graph: Graph, alternatives: Sequence[Graph] = ()) -> str:
    """The text of a Python module whose last class is the network.

    Its state_dict has the keys of ``graph.state`` in that order. ``alternatives`` are the same spec compiled with other
    parameters (``num_classes``): what differs from them becomes a constructor parameter of the network. An alternative
    of another structure is left aside.
    """
    alike = [a for a in alternatives if _structure(a.root) == _structure(graph.root)]
    planner = Planner([graph, *alike])
    planner.plan()
    root = planner.root()
    if alike and root.body.size != len(alike) + 1:
        return source(graph)
    helpers = planner.helpers()
    plans = used_plans(root)
    _name(plans, graph, helpers)
    inline = _inlined(plans, root)
    written = [p for p in plans if p not in inline]
    start = start_lines(graph, helpers)
    classes = [_write(p, inline, start if p is root else []) for p in written]
    return _render(graph, classes, helpers)


def _structure(module: Module) -> object:
    """Names and ops, without their arguments."""
    return tuple(
        (name, c.op.name) if isinstance(c, Node) else (name, c.kind, c.block, _structure(c))
        for name, c in module.children.items()
    )


def _name(plans: list[Plan], graph: Graph, helpers: dict[str, str]) -> None:
    """Names of classes: the network's first, then the blocks', the commonest of several by the plain name."""
    taken = set(MODULE_NAMES) | helpers.keys() | {p.name for plan in plans for p in plan.parameters}
    *blocks, root = plans
    root.name = fresh(network_class(graph.title, graph.name, graph.variant), taken)
    taken.add(root.name)
    for plan in sorted(blocks, key=lambda p: -p.body.size):
        name = camel(plan.wanted)
        if name in taken and plan.arguments:
            argument, (value,) = next(iter(plan.arguments.items()))
            name += camel(argument) + camel(str(value)).removeprefix("Net")
        plan.name = fresh(name, taken)
        taken.add(plan.name)


def _inlined(plans: list[Plan], root: Plan) -> frozenset[Plan]:
    """Chains of blocks that would stand in the text only once: they are written where they are called."""
    text = "\n".join(line for p in plans for line in _write(p, frozenset(), [], folded=False).lines)
    counts = {p: len(re.findall(rf"\b{p.name}\(", text)) for p in plans}
    return frozenset(
        p for p in plans if p is not root and counts[p] == 1 and p.chain and len(p.body.entries) <= _most(p)
    )


def _most(plan: Plan) -> int:
    return _MOST_INLINE if plan.body.chain is None else 8


def _write(plan: Plan, inline: frozenset[Plan], extra: Sequence[str], *, folded: bool = True) -> ClassText:
    return ClassWriter(plan, Constructor(inline, folded=folded), extra).write()


def _render(graph: Graph, classes: list[ClassText], helpers: dict[str, str]) -> str:
    code = "\n".join(line for c in classes for line in c.lines)
    used = [text for name, text in sorted(helpers.items()) if re.search(rf"\b{name}\b", code)]
    everything = "\n".join([code, *used])
    return _template().render(
        doc=_docstring(graph, classes[-1].name),
        math=bool(re.search(r"\bmath\.", code)),
        ordered="OrderedDict(" in everything,
        torch=bool(re.search(r"\btorch\.", everything)),
        tensor=bool(re.search(r"\bTensor\b", everything)),
        helpers=used,
        classes=classes,
    )


def _docstring(graph: Graph, name: str) -> list[str]:
    """Name and title, source, and where the text comes from."""
    title = name if graph.title in (graph.name, graph.variant) else f"{name}: {graph.title}"
    by = f"Written by archc {__version__} from {graph.spec_name} (sha256 {graph.spec_hash[:12]})."
    paragraphs = [
        [f"{title.rstrip('.')}."],
        [graph.source] if graph.source else [],
        [by, "Edit the spec, not this file."],
    ]
    lines: list[str] = []
    for paragraph in paragraphs:
        wrapped = [_plain(line) for text in paragraph for line in wrap(text, 116, break_on_hyphens=False)]
        lines += [*([""] if lines and wrapped else []), *wrapped]
    return lines


def _plain(text: str) -> str:
    """Text that can stand in a docstring."""
    return text.replace("\\", "\\\\").replace('"""', "'''")


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, autoescape=False,
    )  # fmt: skip
    return environment.get_template("module.py.j2")
