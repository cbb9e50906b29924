"""The names of values that a file's layers see: ops and functions, blocks, parameters, `let`. Rules 29, 30 and 33."""

from __future__ import annotations

from typing import Any

from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.language.bodies import Bindings
from archc.language.evaluate import Evaluator
from archc.language.files import Loaded
from archc.language.functions import FUNCTIONS
from archc.language.reporting import Poisoned
from archc.language.schema import plain
from archc.language.scope import POISON, Env, Scope
from archc.language.spec import Spec
from archc.language.values import Block, is_list
from archc.ops import OPS

_BUILT_IN = Env(None, {**FUNCTIONS, **OPS})


class Linker:
    """Makes the environments of a network's files, each file once."""

    def __init__(self, collector: Collector, evaluator: Evaluator) -> None:
        self.collector, self.evaluator = collector, evaluator
        self.blocks_of: dict[int, dict[str, Block]] = {}

    def link(self, file: Loaded, spec: Spec, params: dict[str, Any]) -> Env:
        """The environment of a file with these values of its parameters."""
        blocks = self.blocks(file, spec)
        env = Env(Env(_BUILT_IN, blocks))
        for block in spec.blocks:
            blocks[block].env = env
        for name, value in params.items():
            env.names[name] = resolve(value, blocks)
            if name in spec.params:
                env.spans[name] = spec.params[name][1]
        bind(spec.let, env, None, self.evaluator)
        return env

    def blocks(self, file: Loaded, spec: Spec) -> dict[str, Any]:
        """The file's blocks and those that it uses; POISON for what is missing or broken, which was reported.

        They are copies, since what they see depends on the parameters.
        """
        lost = {name for name in spec.lost if not _BUILT_IN.find(name)[0]}
        found: dict[str, Any] = dict.fromkeys(spec.broken_blocks | lost, POISON)
        for name, block in spec.blocks.items():
            found[name] = Block(block.name, block.parameters, block.inputs, block.body, block.span)
        for use, used in file.used:
            theirs = self.used(used) if used is not None and used.spec is not None else None
            for name in use.names:
                if found.get(name.text, POISON) is not POISON:
                    self.collector.add(errors.block_twice(name.span, name.text, found[name.text].span))
                elif theirs is not None and name.text in theirs:
                    found[name.text] = theirs[name.text]
                else:
                    found[name.text] = POISON  # what calls it is silent
                    if theirs is not None and not _lost(used, name.text):
                        self.collector.add(errors.block_missing(name.span, name.text, use.path.text, list(theirs)))
        return found

    def used(self, file: Loaded) -> dict[str, Block]:
        """The blocks of a used file, which see its parameters' defaults."""
        spec = file.spec
        assert spec is not None
        if id(file) not in self.blocks_of:
            env = self.link(file, spec, {n: v for n, (v, _) in spec.params.items()})
            assert env.outer is not None
            self.blocks_of[id(file)] = {n: b for n, b in env.outer.names.items() if n in spec.blocks}
        return self.blocks_of[id(file)]


def _lost(file: Loaded | None, name: str) -> bool:
    """Whether a block is missing because of a mistake already reported."""
    spec = file.spec if file is not None else None
    return spec is not None and name in spec.broken_blocks | spec.lost


def bind(bindings: Bindings, env: Env, scope: Scope | None, evaluator: Evaluator) -> None:
    """The values of a `let`, in order (rules 34 and 35)."""
    for name, expression, node in bindings:
        if name.text in env.names:
            evaluator.report(errors.doubled_let(name.span, name.text, env.spans.get(name.text)))
            continue
        env.spans[name.text] = name.span
        value = POISON if node is None else plain(node, evaluator.collector)
        if expression is not None:
            try:
                value = evaluator.value(expression, env, scope)
            except Poisoned:
                value = POISON
        env.names[name.text] = value


def resolve(value: Any, blocks: dict[str, Block]) -> Any:
    """In `params` a text that names a block or an op is that block or op, at any depth of a list (rule 33)."""
    if isinstance(value, str):
        return blocks.get(value) or OPS.get(value, value)
    if is_list(value):
        return [resolve(item, blocks) for item in value]
    return value
