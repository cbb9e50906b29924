"""Whether a model runs where it was asked to, node by node.

onnxruntime leaves to the CPU what a provider has no kernel for, and says nothing. Beside that it puts arithmetic on
sizes (what follows a `Shape`) on the CPU by design, since the sizes are there and moving them would cost more; its
``session.disable_cpu_ep_fallback`` refuses that too. Such nodes touch no tensor of the network, and are no fallback.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archc.display.names import some
from archc.runtime.devices import DeviceError

if TYPE_CHECKING:
    from archc.runtime.ort import Placed

_GIVE_SIZES = {"Shape", "Size"}

Named = tuple[str, str]  # a node's name, which may be empty, and its op


def check_placement(nodes: Sequence[Placed], provider: str, sizes: frozenset[Named] = frozenset()) -> list[Placed]:
    """The nodes of ``sizes`` that run elsewhere than on ``provider``. Raises DeviceError where any other does.

    ``sizes`` are nodes that compute with sizes alone (``size_nodes``).
    """
    elsewhere = [node for node in nodes if node.provider != provider]
    wrong = [node for node in elsewhere if (node.name, node.op) not in sizes]
    if not wrong:
        return elsewhere
    raise DeviceError(
        f"{len(wrong)} of {len(nodes)} nodes would not run on {provider}", list(_by_op(wrong, provider)),
        "archc build --profile cuda-fp16 or cuda-fp32 writes no op that CUDA has no kernel for; of another model, "
        "convert it to the opset and types that this onnxruntime has CUDA kernels for",
    )  # fmt: skip


def size_nodes(model: Path | bytes) -> frozenset[Named]:
    """A model's nodes that compute with sizes and constants alone; no weights are read.

    onnxruntime tells nodes by name and op. Those that share both with a node of the network, as where a model gives no
    names, are left out: they can't be told from it.
    """
    from archc.runtime.model_file import read_model

    graph = read_model(model).graph
    constants = {tensor.name for tensor in graph.initializer}
    sizes: set[str] = set()
    found: set[Named] = set()
    others: set[Named] = set()
    for node in graph.node:
        given = {name for name in node.input if name}
        if node.op_type == "Constant":
            constants.update(node.output)
        elif node.op_type in _GIVE_SIZES or (given & sizes and given <= sizes | constants):
            sizes.update(node.output)
            found.add((node.name, node.op_type))
        else:
            others.add((node.name, node.op_type))
    return frozenset(found - others)


def _by_op(nodes: Iterable[Placed], provider: str) -> Iterable[str]:
    found: dict[tuple[str, str], list[str]] = {}
    for node in nodes:
        found.setdefault((node.op, node.provider), []).append(node.name or "(without a name)")
    for (op, elsewhere), names in found.items():
        yield f"{op}: {provider} has no kernel for it as it stands here, {elsewhere} would run {some(names)}"
