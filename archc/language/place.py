"""Where a child goes: under its number, its name, or in containers that its dotted name makes. Rules 3, 10 to 12."""

from __future__ import annotations

from archc.diagnostics import errors
from archc.diagnostics.span import Span
from archc.graph.graph import Module, Node, Origin
from archc.language import limits
from archc.language.bodies import Child
from archc.language.evaluate import Evaluator
from archc.language.keys import NAME, KeyText
from archc.language.reserved import RESERVED
from archc.language.scope import UNFINISHED, Built, Children, Scope


class Place:
    """Where a child goes: its name and path, what holds it, and the place in the spec."""

    __slots__ = ("built", "name", "parent", "path", "references", "siblings", "span")

    def __init__(self, name: str, path: str, span: Span, parent: Module, siblings: Children) -> None:
        self.name, self.path, self.span, self.parent, self.siblings = name, path, span, parent, siblings
        self.built: Built | None = None
        self.references: list[Span] | None = None

    def take(self, made: Module | Node | None) -> Built:
        """Put what was made there; its value comes when it is known."""
        if made is not None:
            self.parent.children[self.name] = made
        self.built = self.siblings[self.name] = Built(self.name, UNFINISHED, self.span, made)
        return self.built

    def reference(self, index: int) -> Span:
        """Where the input is named, or the child where none is."""
        if self.references is None or index >= len(self.references):
            return self.span
        return self.references[index]


class Placer:
    """Finds the places of children, each free."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator

    def place(self, child: Child, key: KeyText | None, scope: Scope) -> Place:
        """Where the child goes: under its number, its name, or in the containers that its dotted name makes."""
        if key is None:
            name = str(scope.counter)
            scope.counter += 1
            return self.free(name, child.span, scope.module, scope.children)
        assert child.key is not None
        span = child.key.scalar.part(0, len(key.name)) if child.key.fixed else child.span
        if len(key.name) > limits.NAME:
            self.evaluator.fail(errors.name_too_long(span, limits.NAME))
        parts = key.name.split(".")
        for part in parts:
            if not NAME.fullmatch(part):
                self.evaluator.fail(errors.bad_child_name(span, key.name))
            if part in RESERVED or (part.startswith("__") and part.endswith("__")):
                self.evaluator.fail(errors.reserved_name(span, part))
        if parts[0] in scope.block_inputs():
            self.evaluator.fail(errors.child_named_as_input(span, parts[0]))
        module, children = scope.module, scope.children
        for part in parts[:-1]:
            module, children = self.namespace(part, span, module, children)
        return self.free(parts[-1], span, module, children)

    def free(self, name: str, span: Span, module: Module, children: Children) -> Place:
        if name in children:
            self.evaluator.fail(errors.doubled_child(span, name, children[name].span))
        return Place(name, f"{module.path}.{name}" if module.path else name, span, module, children)

    def namespace(self, name: str, span: Span, module: Module, children: Children) -> tuple[Module, Children]:
        """The container that a dotted name makes, or made before (rule 12)."""
        found = children.get(name)
        if found is None:
            path = f"{module.path}.{name}" if module.path else name
            made = Module(name, path, "namespace", module, Origin(span, self.evaluator.origin))
            module.children[name] = made
            found = children[name] = Built(name, None, span, made)
        if not isinstance(found.place, Module) or found.place.kind != "namespace":
            self.evaluator.fail(errors.dotted_into_body(span, name, found.span))
        return found.place, found.children
