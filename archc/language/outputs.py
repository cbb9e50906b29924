"""`outputs` and `train_outputs`: names → tensors, in the scope of the root. Rule 25 of the language."""

from __future__ import annotations

from typing import Any

from archc.diagnostics import errors
from archc.diagnostics.span import Span
from archc.graph.graph import Tensor
from archc.language.bodies import BrokenBody, Child, EntriesBody, Entry, For, If, Let, ReferenceBody, spliced
from archc.language.expand import Expander
from archc.language.keys import BadReference, Key, read_references
from archc.language.reporting import Poisoned
from archc.language.scope import Env, Scope
from archc.language.syntax import Scalar

DEFAULT_OUTPUT = "output"


class Outputs:
    """Reads `outputs` and `train_outputs` in the scope of the root."""

    def __init__(self, expander: Expander, scope: Scope, env: Env) -> None:
        self.expander, self.scope, self.env = expander, scope, env
        self.evaluator = expander.evaluator
        self.found: dict[str, Tensor] = {}
        self.spans: dict[str, Span] = {}
        self.lost: set[str] = set()  # whose tensors could not be found, which was reported

    def read(self, body: EntriesBody) -> dict[str, Tensor]:
        self.found, self.spans = {}, {}
        self.entries(body.entries, self.env)
        return self.found

    def entries(self, entries: Any, env: Env) -> None:
        frame = env
        for entry in entries:
            if isinstance(entry, Let):
                frame = Env(frame)
                self.expander.let(entry, self.scope, frame)
                continue
            try:
                self.entry(entry, frame)
            except Poisoned:
                continue

    def entry(self, entry: Entry, env: Env) -> None:
        if isinstance(entry, If):
            body = self.expander.chosen(entry, self.scope, env)
            if body is not None:
                self.entries(spliced(body), Env(env))
        elif isinstance(entry, For):
            for inner in self.expander.rounds(entry, self.scope, env):
                self.entries(spliced(entry.body), inner)
        elif isinstance(entry, Child):
            self.output(entry, env)

    def output(self, child: Child, env: Env) -> None:
        if isinstance(child.body, BrokenBody):
            raise Poisoned
        if child.key is None or not isinstance(child.body, ReferenceBody):
            self.evaluator.fail(errors.unknown_output(child.span))
        key = self.expander.read(child.key, self.scope, env)
        if key.name in self.found:
            self.evaluator.fail(errors.doubled_child(child.span, key.name, self.spans[key.name]))
        if key.references is not None or not key.name:
            self.evaluator.fail(errors.unknown_output(child.span))
        if key.name in self.scope.inputs:  # an ONNX graph can't have both
            self.evaluator.fail(errors.child_named_as_input(child.span, key.name))
        self.spans[key.name] = child.span
        self.lost.add(key.name)
        self.found[key.name] = self.tensor(child.body.scalar, env)
        self.lost.remove(key.name)

    def tensor(self, scalar: Scalar, env: Env) -> Tensor:
        references = read_references(scalar.text)
        if len(references) != 1 or isinstance(references[0], BadReference):
            self.evaluator.fail(errors.unknown_output(scalar.span))
        values = self.expander.wiring.reference(references[0], scalar.span, self.scope, env, Key(scalar, [scalar.text]))
        if len(values) != 1:
            self.evaluator.fail(errors.unknown_output(scalar.span))
        value = values[0]
        if isinstance(value, list):
            self.evaluator.fail(errors.output_is_list(scalar.span, scalar.text, len(value)))
        if not isinstance(value, Tensor):
            raise Poisoned
        return value


def only_output(scope: Scope, expander: Expander, span: Span) -> dict[str, Tensor]:
    """The network's output where `outputs` says nothing: what the last section gives (rule 25)."""
    result = scope.prev
    if result is None:
        expander.evaluator.report(errors.nothing_built_at_all(span))
    if isinstance(result, list):
        last = next((c.span for c in reversed(scope.children.values()) if c.value is result), span)
        expander.evaluator.report(errors.ambiguous_output(last, len(result)))
        return {}
    return {DEFAULT_OUTPUT: result} if isinstance(result, Tensor) else {}
