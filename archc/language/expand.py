"""Building the network: bodies are run in order, and each layer gets its shape as it is built.

Expansion and shape inference go together, since blocks may ask the channels of what they read. After a mistake the
building goes on: what hangs on it is ``UNKNOWN`` and silent. Rules 1 to 32 of the language.
"""

from __future__ import annotations

import ast
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.diagnostics.span import Span
from archc.graph.graph import Module, Origin
from archc.language import limits
from archc.language.binding import call_without_arguments
from archc.language.bodies import (
    Body,
    BrokenBody,
    Child,
    EntriesBody,
    Entry,
    For,
    If,
    LayerBody,
    Let,
    patterns,
    spliced,
)  # fmt: skip
from archc.language.evaluate import Evaluator
from archc.language.expression import Expression
from archc.language.keys import Key, KeyText, read_key
from archc.language.layers import LayerBuilder, unknown
from archc.language.link import bind
from archc.language.place import Place, Placer
from archc.language.reporting import Poisoned
from archc.language.scope import POISON, UNKNOWN, Children, Env, Scope, Unknown, Value
from archc.language.values import Block, Call, describe, is_layer
from archc.language.wiring import Wiring
from archc.ops.base import OPS


class Expander:
    """Builds the nodes and the tree of modules of one network."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        self.evaluator = Evaluator(collector)
        self.placer, self.wiring = Placer(self.evaluator), Wiring(self.evaluator)
        self.layers = LayerBuilder(self.evaluator)
        self.modules = self.built = 0
        self.depth = 0

    # bodies

    def entries(self, entries: Sequence[Entry], scope: Scope, env: Env) -> Value | None:
        """Build what a list or mapping holds, in order; gives what the last child gave."""
        frame = env
        for entry in entries:
            if isinstance(entry, Child):
                scope.prev = self.child(entry, scope, frame)
            elif isinstance(entry, Let):
                if frame is env:
                    frame = Env(env)
                self.let(entry, scope, frame)
            elif isinstance(entry, If):
                self.branch(entry, scope, frame)
            elif isinstance(entry, BrokenBody):
                self.lose([entry], scope)
            else:
                self.loop(entry, scope, frame)
        return scope.prev

    def let(self, entry: Let, scope: Scope | None, env: Env) -> None:
        bind(entry.bindings, env, scope, self.evaluator)

    def lose(self, entries: Sequence[Entry], scope: Scope) -> None:
        """What these would have built is unknown: what reads it, by name too, is silent."""
        scope.prev = UNKNOWN
        scope.children.lost += patterns(entries)

    @contextmanager
    def deeper(self, span: Span) -> Generator[None]:
        """One level of bodies and control further in. Raises Exhausted where there are too many."""
        self.depth += 1
        try:
            if self.depth > limits.NESTING:
                self.evaluator.exhaust(errors.built_too_deeply(span, limits.NESTING))
            yield
        finally:
            self.depth -= 1

    def branch(self, entry: If, scope: Scope, env: Env) -> None:
        body = self.chosen(entry, scope, env)
        if isinstance(body, BrokenBody):
            self.lose([entry], scope)
        elif body is not None:
            with self.deeper(entry.span):
                self.entries(spliced(body), scope, Env(env))

    def chosen(self, entry: If, scope: Scope, env: Env) -> Body | None:
        """The body of the branch that is taken; None where none is."""
        for condition, body in entry.branches:
            try:
                if condition is None or self.evaluator.truth(condition, env, scope):
                    return body
            except Poisoned:
                return BrokenBody(entry.span)
        return None

    def loop(self, entry: For, scope: Scope, env: Env) -> None:
        body = spliced(entry.body)
        try:
            for inner in self.rounds(entry, scope, env):
                with self.deeper(entry.span):
                    self.entries(body, scope, inner)
        except Poisoned:
            self.lose([entry], scope)

    def rounds(self, entry: For, scope: Scope, env: Env) -> Iterator[Env]:
        """The names of each round of a loop. Raises Poisoned where there is nothing to go over, or it does not fit."""
        for item in self.evaluator.items(self.evaluator.value(entry.items, env, scope), entry.items.span):
            self.evaluator.step(4, entry.span)
            inner = Env(env)
            self.evaluator.unpack(entry.target.tree, item, inner, entry.target.span)
            yield inner

    def body(
        self, body: Body, inputs: list[Value], place: Place, env: Env, scope: Scope, block: Call | None = None
    ) -> Value:
        """A body at a place of its own: of a child (in the scope around it) or of a block (in that of its inputs)."""
        with self.deeper(place.span):
            if isinstance(body, LayerBody):
                return self.layer(body.expression, inputs, place, env, scope)
            if not isinstance(body, EntriesBody):
                return unknown(place)
            if body.chain is not None:
                return self.only_chain(body, body.chain, inputs, place, env, scope, block)
            return self.container(body, inputs, place, env, scope, block)

    def only_chain(
        self,
        body: EntriesBody,
        chain: If,
        inputs: list[Value],
        place: Place,
        env: Env,
        scope: Scope,
        block: Call | None,
    ) -> Value:
        """One `if` and nothing else: the chosen body is the body; none, and the input comes out (rule 6)."""
        frame = Env(env)
        looking = Scope(place.parent, Children(), scope, {}, inputs[0] if inputs else None, header=scope.header)
        for entry in body.entries[: body.entries.index(chain)]:
            assert isinstance(entry, Let)
            self.let(entry, looking, frame)
        chosen = self.chosen(chain, looking, frame)
        if chosen is not None:
            return self.body(chosen, inputs, place, frame, scope, block)
        if not inputs:
            self.evaluator.fail(errors.nothing_built(chain.span))
        module, _ = self.module(place, "empty", block, inputs)
        module.result = None if isinstance(inputs[0], Unknown) else inputs[0]
        return inputs[0]

    def container(
        self, body: EntriesBody, inputs: list[Value], place: Place, env: Env, scope: Scope, block: Call | None
    ) -> Value:
        if not inputs:
            self.evaluator.fail(errors.no_prev(place.span))
        if block is None and len(inputs) != 1:
            self.evaluator.fail(errors.body_takes_one(place.span, len(inputs)))
        module, children = self.module(place, "list" if body.is_list else "mapping", block, inputs)
        outer = None if block is not None else scope
        named = scope.inputs if block is not None else {}
        inner = Scope(module, children, outer, named, inputs[0], header=scope.header)
        result = self.entries(body.entries, inner, env)
        assert result is not None
        module.result = None if isinstance(result, Unknown) else result
        return result

    def module(self, place: Place, kind: Any, block: Call | None, inputs: list[Value]) -> tuple[Module, Children]:
        self.modules += 1
        if self.modules + len(self.layers.nodes) > 2 * limits.LAYERS:
            self.evaluator.exhaust(errors.too_many_layers(place.span, limits.LAYERS))
        module = Module(place.name, place.path, kind, place.parent, Origin(place.span, self.evaluator.origin))
        if block is not None:
            assert isinstance(block.target, Block)
            module.block, module.arguments = block.target.name, block.arguments
            module.input_names = tuple(block.target.inputs)
        module.inputs = tuple(i for i in inputs if not isinstance(i, Unknown))
        return module, place.take(module).children

    # children

    def child(self, child: Child, scope: Scope, env: Env) -> Value:
        self.evaluator.step(10, child.span)
        try:
            key = None if child.key is None else self.read(child.key, scope, env)
            place = self.placer.place(child, key, scope)
        except Poisoned:
            self.lose([child], scope)
            return UNKNOWN
        value: Value = UNKNOWN
        try:
            inputs = self.wiring.inputs(child, key, scope, env)
            place.references = inputs[1]
            value = self.body(child.body, inputs[0], place, env, scope)
        except Poisoned:
            value = unknown(place)
        assert place.built is not None
        place.built.value = value
        self.built += 1
        place.built.order = self.built
        return value

    def read(self, key: Key, scope: Scope, env: Env) -> KeyText:
        """The key with its `${…}` replaced (rule 13)."""
        if key.broken:
            raise Poisoned
        if key.fixed:
            return read_key(str(key.parts[0]))
        text = "".join(p if isinstance(p, str) else self.replaced(p, scope, env) for p in key.parts)
        return read_key(text)

    def replaced(self, expression: Expression, scope: Scope, env: Env) -> str:
        value = self.evaluator.value(expression, env, scope)
        if not isinstance(value, str | int) or isinstance(value, bool):
            self.evaluator.fail(errors.template_value(expression.span, describe(value)))
        return str(value)

    # layers

    def layer(self, expression: Expression, inputs: list[Value], place: Place, env: Env, scope: Scope) -> Value:
        """An expression whose value is an op, a block, or a call of one (rule 31)."""
        looking = scope
        if inputs and scope.prev is not inputs[0]:
            looking = Scope(scope.module, scope.children, scope.outer, scope.inputs, inputs[0], header=scope.header)
        try:
            value = self.evaluator.value(expression, env, looking)
            if isinstance(value, Call):
                call = value
            elif is_layer(value):
                call, problems = call_without_arguments(value, expression.span)
                for problem in problems:
                    self.evaluator.report(problem)
                if call is None:
                    raise Poisoned
            else:
                name = expression.tree.id if isinstance(expression.tree, ast.Name) else ""
                self.evaluator.fail(errors.not_a_layer(expression.span, describe(value), name, value, list(OPS)))
        except Poisoned:
            return unknown(place)
        if isinstance(call.target, Block):
            return self.block(call, call.target, inputs, place, expression.span)
        return self.layers.op(call, call.target, inputs, place, expression.span)

    def block(self, call: Call, block: Block, inputs: list[Value], place: Place, span: Span) -> Value:
        """A block at the caller's path: it sees its parameters, its inputs and its file (rule 30)."""
        outer = self.evaluator.origin
        if not inputs and place.references is None:
            self.evaluator.fail(errors.no_prev(place.span))
        if len(inputs) != len(block.inputs):
            self.evaluator.fail(errors.wrong_number_of_inputs(
                place.span, block.name, len(block.inputs), len(inputs), block.inputs, block.span))  # fmt: skip
        assert block.env is not None
        self.evaluator.origin = Origin(span, outer)
        try:
            named = dict(zip(block.inputs, inputs, strict=True))
            scope = Scope(place.parent, Children(), None, named, inputs[0], header=block.span)
            env = self.parameters(call, block, scope)
            bound = Call(block, env.names, call.span)
            return self.body(block.body, inputs, place, env, scope, bound)
        finally:
            self.evaluator.origin = outer

    def parameters(self, call: Call, block: Block, scope: Scope) -> Env:
        """The parameters' values; a default is computed at each call, within the block (rule 36)."""
        env = Env(block.env)
        for parameter in block.parameters:
            if parameter.name in call.arguments:
                env.names[parameter.name] = call.arguments[parameter.name]
                continue
            assert parameter.default is not None
            try:
                env.names[parameter.name] = self.evaluator.value(parameter.default, env, scope)
            except Poisoned:
                env.names[parameter.name] = POISON
        return env
