"""Which operators onnxruntime has kernels for: a table of op × version × provider × types, and what follows from it.

Where a provider has no kernel, onnxruntime doesn't complain: it runs the node on the CPU, casts its inputs to another
type, or puts the operator's definition in its place, node by node. Here that can be asked beforehand.

The table is in ``operators.csv`` (operators, their versions and arguments) and in one file a provider (its kernels for
tensors). ``python -m tests.kernels.write`` writes it from onnxruntime's own registries; it is tested against those of
the onnxruntime that is installed. To read it needs neither onnxruntime nor onnx.
"""

from archc.runtime.kernels.search import Missing, Use, missing, supports, types_of
from archc.runtime.kernels.table import PROVIDERS, Argument, Kernel, Operator, kernels, operator, version

__all__ = [
    "PROVIDERS",
    "Argument",
    "Kernel",
    "Missing",
    "Operator",
    "Use",
    "kernels",
    "missing",
    "operator",
    "supports",
    "types_of",
    "version",
]
