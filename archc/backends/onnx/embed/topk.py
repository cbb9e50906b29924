"""The best classes and their scores in place of all logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archc.backends.onnx.embed.writer import Writer
from archc.backends.onnx.passes.base import Change, ProgramPass
from archc.backends.onnx.program import Program, TensorType
from archc.diagnostics.diagnostic import RequestError

_SCORES = {"Softmax", "Sigmoid"}  # what gives scores already
_KEEPS = {"Identity", "Cast"}  # what leaves them as they are


class EmbedTopK(ProgramPass):
    """Puts ``scores`` (softmax in fp32) and ``classes`` (int64), each N × K, the best first, in place of the logits.

    Where the network has several outputs they are called ``OUTPUT.scores`` and ``OUTPUT.classes``, for each that is
    batch × classes: those that ``labels`` names, or where it names none, all. Other outputs stay. Of equal logits the
    lower class comes first.
    """

    name = "embed-topk"
    summary = "the best classes and their scores in place of all logits"

    def __init__(self, k: int, labels: Mapping[str, Sequence[str]]) -> None:
        self._k, self._labels = k, labels

    def run(self, program: Program) -> list[Change]:
        several = len(program.outputs) > 1
        return [self._embed(program, name, f"{name}." * several) for name in self._classifiers(program)]

    def _classifiers(self, program: Program) -> list[str]:
        """The outputs that score classes. Raises RequestError where none does, or one has fewer classes than K."""
        sizes = {n: t.shape[1] for n, t in program.outputs.items() if len(t.shape) == 2 and isinstance(t.shape[1], int)}
        if not sizes:
            shapes = ", ".join(f"`{name}` [{', '.join(map(str, t.shape))}]" for name, t in program.outputs.items())
            raise RequestError(f"--with-topk: no output is batch × classes: {shapes}")
        chosen = [name for name in sizes if name in self._labels] or list(sizes)
        for name in chosen:
            if self._k > int(sizes[name]):
                raise RequestError(f"--with-topk {self._k}: the output `{name}` has {sizes[name]} classes")
        return chosen

    def _embed(self, program: Program, name: str, prefix: str) -> Change:
        logits = program.outputs.pop(name)
        program.types[name] = logits
        moved = {wanted: _give_way(program, wanted) for wanted in (f"{prefix}scores", f"{prefix}classes")}
        tensor = moved.get(name) or name
        there = {*program.outputs, *program.inputs, *program.initializers}
        scores, classes = (program.unique(wanted) if wanted in there else wanted for wanted in moved)
        write = Writer(program, name)
        exact = tensor if logits.dtype == "float32" else write.cast(tensor, "float32")
        write.into([program.unique(f"{name}.TopK"), classes], "TopK", exact, write.ints(self._k), axis=1)
        every = exact if _are_scores(program, tensor) else write("Softmax", exact, axis=1)
        write.into([scores], "GatherElements", every, classes, axis=1)
        shape = (logits.shape[0], self._k)
        program.outputs |= {scores: TensorType(shape), classes: TensorType(shape, "int64")}
        return Change(name, f"gives its best {self._k} classes: {scores}, {classes}")


def _give_way(program: Program, name: str) -> str | None:
    """Let a tensor within the network that has this name have another; gives that, None where there is none."""
    producer = program.producer(name)
    if producer is None or name in program.outputs:
        return None
    other = program.unique(name)
    program.set_output(producer, producer.outputs.index(name), other)
    program.redirect(name, other)
    if producer.name == name:
        producer.name = other
    if name in program.types:
        program.types[other] = program.types.pop(name)
    return other


def _are_scores(program: Program, tensor: str) -> bool:
    """Whether the numbers are scores already, not logits."""
    while (node := program.producer(tensor)) is not None and node.op_type in _KEEPS:
        tensor = node.inputs[0]
    return node is not None and node.op_type in _SCORES
