"""Graphs written by hand, for tests of a stage that should not lean on the ones before it.

::

    b = Builder("tiny", [3, 32, 32])
    with b.section("stem"):
        b.add("conv1", "conv", 16, 3, padding=1)
        with b.module("block", block="basic"):
            y = b.add("conv", "conv", 16, 3, padding=1)
            b.add("sum", "add", on=[b.module_input, y])
    graph = b.graph()
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import archc.ops  # noqa: F401  (declares the ops)
from archc.diagnostics.span import Source, Span
from archc.graph.graph import Graph, Module, Node, Origin, Tensor
from archc.ops.base import OPS, Op
from archc.ops.shape import Shape

Kind = Literal["root", "list", "mapping", "namespace", "empty"]
_SOURCE = Source("built.yaml", "built by a test\n")
_ORIGIN = Origin(Span(_SOURCE, 0, 5))


class Builder:
    """Adds ops one by one, as the compiler would: paths from the open modules, shapes by inference."""

    def __init__(self, name: str = "net", input: Sequence[int] | Mapping[str, Sequence[int]] = (3, 32, 32)) -> None:
        given = input if isinstance(input, Mapping) else {"x": input}
        self.inputs = {n: Tensor(Shape(tuple(dims)), name=n) for n, dims in given.items()}
        self.name = name
        self.nodes: list[Node] = []
        self.root = Module("", "", "root", None, None)
        self.sections: dict[str, list[str]] = {}
        self.prev: Tensor | list[Tensor] = next(iter(self.inputs.values()))
        self._open = [self.root]
        self._section: list[str] | None = None

    @property
    def module_input(self) -> Tensor:
        """The first input of the innermost open module."""
        first = self._open[-1].inputs[0] if self._open[-1].inputs else next(iter(self.inputs.values()))
        assert isinstance(first, Tensor)
        return first

    def add(
        self, name: str, op: str | Op, *args: Any, on: Tensor | Sequence[Tensor] | None = None, **kwargs: Any
    ) -> Any:
        """A child ``name`` of the open module, on ``prev`` if ``on`` is not given; gives its tensor, or a list."""
        made = OPS[op].of(*args, **kwargs) if isinstance(op, str) else op
        inputs = self._read(on) if made.arity != 0 else ()
        shapes = [t.shape for t in inputs]
        inferred = made.infer(*shapes)
        path = self._path(name)
        parts = inferred if isinstance(inferred, list) else [inferred]
        outputs = tuple(Tensor(s, index=i, name=path) for i, s in enumerate(parts))
        node = Node(
            index=len(self.nodes),
            name=name,
            path=path,
            op=made,
            inputs=inputs,
            outputs=outputs,
            many=isinstance(inferred, list),
            parent=self._open[-1],
            origin=_ORIGIN,
            weights=made.weights(*shapes),
            macs=made.macs(shapes, parts[0]),
        )
        for tensor in outputs:
            tensor.producer = node
        self.nodes.append(node)
        self._adopt(name, node)
        self.prev = list(outputs) if node.many else outputs[0]
        return self.prev

    @contextmanager
    def module(
        self,
        name: str,
        *,
        kind: Kind = "mapping",
        block: str | None = None,
        on: Tensor | Sequence[Tensor] | None = None,
    ) -> Iterator[Module]:
        """A child with a body of its own; it reads ``prev``, or ``on``, and gives what its last child gives."""
        inputs = self._read(on)
        module = Module(name, self._path(name), kind, self._open[-1], _ORIGIN, block, inputs=inputs)
        self._adopt(name, module)
        self._open.append(module)
        if inputs:
            self.prev = inputs[0]
        yield module
        self._open.pop()
        module.result = self.prev

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """``stem``, ``body`` or ``head``."""
        self._section = self.sections.setdefault(name, [])
        yield
        self._section = None

    def graph(
        self,
        outputs: Mapping[str, Tensor] | None = None,
        train_outputs: Mapping[str, Tensor] | None = None,
        **fields: Any,
    ) -> Graph:
        """The graph; the one output is the last tensor, called ``y``, unless ``outputs`` says otherwise."""
        if outputs is None:
            assert isinstance(self.prev, Tensor)
            outputs = {"y": self.prev}
        self.root.result = self.prev
        return Graph(
            name=self.name,
            variant=self.name,
            title=fields.pop("title", self.name),
            source=fields.pop("source", None),
            inputs=self.inputs,
            nodes=self.nodes,
            root=self.root,
            sections=self.sections,
            outputs=dict(outputs),
            train_outputs=dict(train_outputs or outputs),
            params={},
            **fields,
        )

    def _read(self, on: Tensor | Sequence[Tensor] | None) -> tuple[Tensor, ...]:
        source = self.prev if on is None else on
        return (source,) if isinstance(source, Tensor) else tuple(source)

    def _path(self, name: str) -> str:
        return f"{self._open[-1].path}.{name}" if self._open[-1].path else name

    def _adopt(self, name: str, child: Module | Node) -> None:
        children = self._open[-1].children
        assert name not in children, f"two children `{name}`"
        children[name] = child
        if self._open[-1] is self.root and self._section is not None:
            self._section.append(name)
