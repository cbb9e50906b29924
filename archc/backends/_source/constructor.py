"""The text of ``__init__``: constructor calls, ``nn.Sequential`` and its folded runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archc.backends._source.classes import Plan
from archc.backends._source.expression import Expression, Literal, Name, quoted, substitute, written
from archc.backends._source.fold import fold, fold_named
from archc.backends._source.names import is_attribute
from archc.backends._source.parameters import Parameter
from archc.backends._source.template import ABSENT, Chain, Entry, Item, Leaf, Slot, Space, Text, same

Values = Mapping[str, Expression]  # what the parameters stand for, where one class is written within another


class Constructor:
    """Writes items. The classes in ``inline`` are written out where they are called."""

    def __init__(self, inline: frozenset[Plan] = frozenset(), *, folded: bool = True) -> None:
        self.inline, self.folded = inline, folded

    def item(self, item: Item, values: Values) -> str:
        match item:
            case Leaf():
                return self._call(item, values)
            case Text():
                return self._text(item, values)
            case Chain():
                return self.chain(item, values)
            case Space():
                return self._space(item, values)

    def chain(self, chain: Chain, values: Values) -> str:
        if chain.numbered:
            return f"nn.Sequential({', '.join(self.links(chain, values))})"
        return f"nn.Sequential({self._named(chain.entries, values)})"

    def links(self, chain: Chain, values: Values) -> list[str]:
        """The arguments of a numbered ``nn.Sequential``."""
        return self._fold([self._link(e, values) for e in chain.entries])

    def _fold(self, texts: list[str]) -> list[str]:
        return fold(texts) if self.folded else texts

    def _link(self, entry: Entry, values: Values) -> str:
        text = self.entry(entry, values)
        flag = self.flag(entry, values)
        return text if flag is None or entry.filler else f"*([{text}] if {flag} else [])"

    def entry(self, entry: Entry, values: Values) -> str:
        """A child; one that only some instances have, with what stands for it in the others."""
        if entry.item is None:
            return "nn.Identity()"
        text = self.item(entry.item, values)
        flag = self.flag(entry, values)
        return text if flag is None or not entry.filler else f"{text} if {flag} else nn.Identity()"

    @staticmethod
    def flag(entry: Entry, values: Values) -> str | None:
        """The condition under which the child is there; None if it always is."""
        return None if entry.present.constant() else _text_of(entry.present, values)

    def _named(self, entries: Sequence[Entry], values: Values) -> str:
        shown = [e for e in entries if e.item is not None]
        texts = [(e.name, self.entry(e, values)) for e in shown]
        optional = [e for e in shown if self.flag(e, values) is not None and not e.filler]
        if not optional and self.folded and (folded := fold_named(texts)) is not None:
            return f"OrderedDict({folded})"
        if not optional and all(is_attribute(name) for name, _ in texts):
            return f"OrderedDict({', '.join(f'{name}={text}' for name, text in texts)})"
        pairs = [f"({quoted(name)}, {text})" for name, text in texts]
        for i, entry in enumerate(shown):
            if entry in optional:
                pairs[i] = f"*([{pairs[i]}] if {self.flag(entry, values)} else [])"
        return f"OrderedDict([{', '.join(pairs)}])"

    def _space(self, space: Space, values: Values) -> str:
        if [e.name for e in space.entries] == [str(i) for i in range(len(space.entries))]:
            links = self._fold([self._link(e, values) for e in space.entries])
            spread = len(links) == 1 and links[0].startswith("*(")
            return f"nn.ModuleList{links[0][1:]}" if spread else f"nn.ModuleList([{', '.join(links)}])"
        parts: list[str] = []
        for entry in space.entries:
            pair = f"{quoted(entry.name)}: {self.entry(entry, values)}"
            flag = self.flag(entry, values)
            parts.append(pair if flag is None or entry.filler else f"**({{{pair}}} if {flag} else {{}})")
        return f"nn.ModuleDict({{{', '.join(parts)}}})"

    def _text(self, text: Text, values: Values) -> str:
        numbers = [_text_of(s, values) for s in text.numbers]
        return "".join(p + n for p, n in zip(text.pieces, [*numbers, ""], strict=True))

    def _call(self, leaf: Leaf, values: Values) -> str:
        plan = leaf.cls.present()[0]
        if isinstance(plan, Plan) and plan in self.inline:
            assert plan.body.chain is not None or plan.body.entries
            inner = {p.name: _resolved(leaf.args[p.name], values) for p in plan.parameters}
            inner |= {name: substitute(e, inner) for name, e in plan.locals.items()}
            chain = plan.body.chain or Chain(plan.body.entries, numbered=False)
            return self.chain(chain, inner)
        if isinstance(plan, Plan):
            return f"{plan.name}({', '.join(self._own_arguments(leaf, plan, values))})"
        name = plan if leaf.cls.constant() else _text_of(leaf.cls, values)
        return f"{name}({', '.join(_arguments(leaf, values))})"

    @staticmethod
    def _own_arguments(leaf: Leaf, plan: Plan, values: Values) -> list[str]:
        parts: list[str] = []
        for parameter in plan.parameters:
            value = _resolved(leaf.args[parameter.name], values)
            if parameter.default is ABSENT and not parameter.flag:
                parts.append(written(value))
            elif not _is_default(value, parameter):
                parts.append(f"{parameter.name}={written(value)}")
        return parts


def _is_default(value: Expression, parameter: Parameter) -> bool:
    return isinstance(value, Literal) and same(value.value, parameter.default)


def _arguments(leaf: Leaf, values: Values) -> list[str]:
    """``inplace`` has its name always: where what comes before it is left out, it would stand in that one's place."""
    texts = {name: _text_of(slot, values) for name, slot in leaf.args.items()}
    return [t if i < leaf.positional and n != "inplace" else f"{n}={t}" for i, (n, t) in enumerate(texts.items())]


def _resolved(slot: Slot, values: Values) -> Expression:
    assert slot.expression is not None
    return substitute(slot.expression, values)


def _text_of(slot: Slot, values: Values) -> str:
    return written(_resolved(slot, values))


def own_names(plan: Plan) -> Values:
    """A class's parameters, standing for themselves."""
    return {p.name: Name(p.name) for p in plan.parameters}
