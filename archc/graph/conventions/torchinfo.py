"""As torchinfo 1.8 counts "mult-adds" (https://github.com/TylerYep/torchinfo).

Of modules without children alone: the numbers of what is called ``weight`` or ``bias``, at each position of the output
where the class is called a convolution, once elsewhere. So batch norms count and biases count, and a linear layer
counts once however many positions it is applied to.
"""

from __future__ import annotations

from archc.graph.conventions import Layer, positions

PRINTED = "mult-adds"


def count(layer: Layer) -> int:
    """Multiply-adds of one layer, of one sample."""
    numbers = sum(layer.parameters.get(name, 0) for name in ("weight", "bias"))
    return numbers * positions(layer.output) if "Conv" in layer.called else numbers
