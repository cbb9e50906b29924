"""Classes as text: signature, constructor, forward."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest

from archc.backends._source.classes import Plan
from archc.backends._source.constructor import Constructor, own_names
from archc.backends._source.describe import is_numbered
from archc.backends._source.expression import Literal, Name, literal, written
from archc.backends._source.forward import Forward
from archc.backends._source.layout import lay_out
from archc.backends._source.names import fresh, is_attribute, local, taken_by_modules
from archc.backends._source.template import ABSENT, Chain, Entry, Item, Leaf, Ref, Slot, Space, Text
from archc.backends._source.wiring import Key
from archc.graph.graph import Module, Tensor

_INDENT = "    "


@dataclass(frozen=True)
class ClassText:
    """A class ready for the template: each line of its body as it stands in the file."""

    name: str
    base: str
    lines: list[str]


class ClassWriter:
    """Writes one class."""

    def __init__(self, plan: Plan, constructor: Constructor, extra: Sequence[str] = ()) -> None:
        self.plan, self.body, self.constructor, self.extra = plan, plan.body, constructor, extra
        self.values = own_names(plan)
        self.attributes: dict[str, str] = {}  # text of a value → the attribute that keeps it for forward
        self.items = {e.name: e.item for e in self.body.entries}
        self._positional = self._is_sequential()

    def write(self) -> ClassText:
        forward = self._forward()  # first, since it says what must be kept for it
        keep = [f"self.{name} = {text}" for text, name in self.attributes.items()]
        named = [f"{name} = {written(e)}" for name, e in self.plan.locals.items()]
        begin, *members = self._constructor()
        first = [*named, begin] if self._positional else [begin, *named]
        statements = [*first, *keep, *members, *self.extra]
        lines: list[str] = []
        if statements != ["super().__init__()"] or not forward:
            lines = self._definition("__init__", self._parameters(), "None")
            for statement in statements:
                lines += _indented(statement, 2)
        if forward:
            lines += [*([""] if lines else []), *forward]
        base = "nn.Sequential" if self._positional else "nn.Module"
        return ClassText(self.plan.name, base, lines)

    def _is_sequential(self) -> bool:
        """Whether the children are numbers in order, so that ``self[0]`` reads better than anything else."""
        if self.body.chain is not None:
            return True
        present = all(e.present.constant() and isinstance(e.item, Leaf | Chain) for e in self.body.entries)
        return bool(self.body.entries) and present and is_numbered([e.name for e in self.body.entries])

    # __init__

    def _parameters(self) -> list[str]:
        parts: list[str] = []
        for parameter in self.plan.parameters:
            if parameter.flag and "*" not in parts:
                parts.append("*")
            default = "" if parameter.default is ABSENT else f" = {literal(parameter.default)}"
            parts.append(f"{parameter.name}: {parameter.annotation}{default}")
        return parts

    def _definition(self, name: str, parameters: Iterable[str], gives: str) -> list[str]:
        return lay_out(f"def {name}({', '.join(['self', *parameters])}) -> {gives}:", len(_INDENT))

    def _constructor(self) -> list[str]:
        """The statements of ``__init__``; those under an ``if`` are indented."""
        if self._positional:
            chain = self.body.chain or Chain(self.body.entries, numbered=True)
            return [f"super().__init__({', '.join(self.constructor.links(chain, self.values))})"]
        statements = ["super().__init__()"]
        for flag, entries in groupby(self.body.entries, key=self._guard):
            made = [self._member(e) for e in entries]
            condition = f"self.{self.attributes[flag]}" if flag in self.attributes else flag
            statements += made if flag is None else [f"if {condition}:", *(_INDENT + m for m in made)]
        return statements

    def _guard(self, entry: Entry) -> str | None:
        return None if entry.filler else self.constructor.flag(entry, self.values)

    def _member(self, entry: Entry) -> str:
        text = self.constructor.entry(entry, self.values)
        if is_attribute(entry.name):
            return f"self.{entry.name} = {text}"
        adder = "register_parameter" if isinstance(entry.item, Text) else "add_module"
        return f'self.{adder}("{entry.name}", {text})'

    # forward

    def _forward(self) -> list[str]:
        if self.body.chain is not None or self.body.bare or (self._positional and self._in_turn()):
            return []
        names = self._input_names()
        writer = Forward(self.body, names, self._access, self._number, self._flag)
        written_lines = writer.write()
        given = [f"{n}: {_kind(i)}" for n, i in zip(names, self.body.inputs[0], strict=True)]
        lines = self._definition("forward", given, self._gives())
        for line in written_lines or ["pass"]:
            lines += _indented(line, 2)
        return lines

    def _in_turn(self) -> bool:
        """Whether the children are called one after the other, as an ``nn.Sequential`` does by itself."""
        given = Ref("input", 0)
        for entry, step in zip_longest(self.body.entries, self.body.steps):
            if entry is None or step is None or step.key != (entry.name,) or step.arguments != [given] or step.mode:
                return False
            given = Ref("value", step.key)
        return all([ref for _, ref in refs] == [given] for refs in self.body.returns.values())

    def _input_names(self) -> list[str]:
        """The network's inputs and a block's by their names; what is read beside them has none."""
        module = self.body.modules[0]
        names: list[str] = []
        for i, given in enumerate(self.body.inputs[0]):
            plain = "maps" if isinstance(given, tuple) else "y" if i else "x"
            wanted = given.name if module.kind == "root" and isinstance(given, Tensor) else _declared(module, given)
            names.append(fresh(local(wanted or plain) or plain, set(names)))
        return names

    def _gives(self) -> str:
        kinds = dict.fromkeys(self._result(refs) for refs in self.body.returns.values())
        return " | ".join(kinds) or "None"

    def _result(self, refs: list[tuple[str, Ref]]) -> str:
        if not refs:
            return "None"
        if len(refs) == 1:
            return "Tensor"
        if refs[0][0]:
            return "dict[str, Tensor]"
        return "list[Tensor]" if self.body.listed else f"tuple[{', '.join(['Tensor'] * len(refs))}]"

    def _access(self, key: Key) -> str:
        """The text of a child: through the namespaces that stand before it."""
        head, *rest = key
        text = f"self[{head}]" if self._positional else _member_access("self", head)
        item = self.items[head]
        for name in rest:
            text, item = _within(text, item, name)
        return text

    def _number(self, slot: Slot) -> str:
        assert slot.expression is not None
        return written(slot.expression) if isinstance(slot.expression, Literal) else self._kept(slot)

    def _flag(self, slot: Slot) -> str:
        return self._kept(slot)

    def _kept(self, slot: Slot) -> str:
        """The attribute that keeps a constructor's value for ``forward``."""
        assert slot.expression is not None
        text = written(slot.expression)
        if text not in self.attributes:
            wanted = text if isinstance(slot.expression, Name) else slot.label.rpartition(".")[2]
            taken = {e.name for e in self.body.entries} | set(self.attributes.values())
            name = local(wanted) or "value"
            while name in taken or taken_by_modules(name):
                name += "_"
            self.attributes[text] = name
        return f"self.{self.attributes[text]}"


def _declared(module: Module, given: Tensor | tuple[Tensor, ...]) -> str | None:
    """The name by which the block calls this input."""
    for value, name in zip(module.inputs, module.input_names, strict=False):
        if value is given or (isinstance(value, list) and tuple(value) == given):
            return name
    return None


def _kind(given: object) -> str:
    return "list[Tensor]" if isinstance(given, tuple) else "Tensor"


def _member_access(owner: str, name: str) -> str:
    return f"{owner}.{name}" if is_attribute(name) else f'getattr({owner}, "{name}")'


def _within(text: str, item: Item | None, name: str) -> tuple[str, Item | None]:
    """A child of a namespace: of an nn.ModuleList, an nn.ModuleDict, or a class of its own."""
    if isinstance(item, Space):
        numbered = is_numbered([e.name for e in item.entries])
        inner = next((e.item for e in item.entries if e.name == name), None)
        return (f"{text}[{name}]" if numbered else f'{text}["{name}"]'), inner
    assert isinstance(item, Leaf)
    plan = item.cls.present()[0]
    assert isinstance(plan, Plan)
    return _member_access(text, name), next((e.item for e in plan.body.entries if e.name == name), None)


def _indented(line: str, levels: int) -> list[str]:
    stripped = line.lstrip()
    return lay_out(stripped, len(line) - len(stripped) + levels * len(_INDENT))
