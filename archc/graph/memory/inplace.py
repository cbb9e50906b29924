"""Which activations and sums may write into their input's memory."""

from __future__ import annotations

from collections import Counter

from archc.graph.graph import Graph, Node, Tensor
from archc.ops.base import TorchExpression


def inplace_nodes(graph: Graph) -> frozenset[Node]:
    """The nodes that may overwrite their first input in both modes without changing any result or gradient.

    That tensor is fresh memory (no view of what something else reads, no weight, no input of the network), is read by
    this node alone, is no output of the network, and is not kept by autograd for the backward of what made it.
    """
    finder = _Finder(graph)
    for node in graph.nodes:
        if _overwrites(node) and finder.is_fresh(node.inputs[0]):
            finder.found.add(node)
    return frozenset(finder.found)


def _overwrites(node: Node) -> bool:
    """Whether the op has a form that works in place."""
    if node.op.inplace and not node.op.view:
        return len(node.inputs) == 1 and not _bends_back(node)
    if len(node.inputs) != 2 or node.output.shape != node.inputs[0].shape:
        return False
    form = node.op.torch(*(t.shape for t in node.inputs))
    return isinstance(form, TorchExpression) and form.augmented is not None


def _bends_back(node: Node) -> bool:
    """Whether the activation has a negative slope: PyTorch then can't tell its input's sign from its output's."""
    return any(isinstance(value, int | float) and value < 0 for value in node.op.given().values())


class _Finder:
    """Knows who reads what."""

    def __init__(self, graph: Graph) -> None:
        self.uses = Counter(id(t) for node in graph.nodes for t in node.inputs)
        self.outputs = {id(t) for mode in (graph.outputs, graph.train_outputs) for t in mode.values()}
        self.found: set[Node] = set()  # so far; readers come after what they read

    def is_fresh(self, tensor: Tensor) -> bool:
        """Whether one node reads the tensor, and nothing else its memory."""
        while self.uses[id(tensor)] == 1 and id(tensor) not in self.outputs:
            made = tensor.producer
            if made is None or self._output_is_kept(made) or "" in made.weights:
                return False
            if not made.op.view:
                return True
            # What passes a tensor on whole (dropout in eval, say) is followed to where that comes from.
            if made.many or len(made.inputs) != 1 or tensor.shape != made.inputs[0].shape:
                return False
            (tensor,) = made.inputs
        return False

    def _output_is_kept(self, made: Node) -> bool:
        """Whether autograd keeps what the node gives: an activation in place has nothing else left of its input."""
        op = made.op
        return op.keeps_output or (made in self.found and op.inplace and op.keeps_input and not op.copies_input)
