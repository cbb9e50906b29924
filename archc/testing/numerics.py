"""What can be told of a network only by running it: that its module and its ONNX agree, and that gradients arrive.

Weights are random, so that no file of them is needed; the seeds are fixed. What is made is let go of at once: the
networks of a library are run one after another in one process.
"""

# torch and onnxruntime say the types of their functions in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from archc.compiler import SpecFile
from archc.diagnostics import errors
from archc.diagnostics.diagnostic import CompileError, Diagnostic
from archc.display.numbers import count
from archc.graph.graph import Entry, Graph
from archc.graph.memory.storage import FLOAT_BYTES
from archc.network import Network

if TYPE_CHECKING:
    from torch import Tensor, nn

BATCH = 2  # of which batch norms can take statistics also where a map is 1 × 1
TOLERANCE = 1e-5  # ‖ONNX − module‖ / ‖module‖ in fp32
_SHOWN = 5  # parameters that a failure shows in place


def network_of(file: SpecFile, variant: str, size: int | None) -> Network:
    """A variant on inputs of at most ``size`` × ``size``; on its own where it does not compile with these.

    Raises CompileError.
    """
    network = Network.of(file, variant, {}, None)
    shapes = {name: tensor.shape.dims for name, tensor in network.graph.inputs.items()}
    smaller = {name: (dims[0], *(min(d, size or d) for d in dims[1:])) for name, dims in shapes.items()}
    if smaller == shapes:
        return network
    try:
        return Network.of(file, variant, {}, smaller)
    except CompileError:
        return network


def memory_needed(graph: Graph, *, training: bool) -> int:
    """About how many bytes running the network takes, so that what is too large is not begun.

    In training: weights and gradients, each also as it is made, and what every layer gives. In inference: the weights
    in the module, in the ONNX file as it is written, and in the session.
    """
    weights = sum(prod(entry.weight.shape) for entry in graph.state) * FLOAT_BYTES
    made = [BATCH * FLOAT_BYTES * sum(t.shape.numel for t in n.outputs) for n in graph.live("train")]
    return 4 * weights + sum(made) if training else 3 * weights + 4 * max(made, default=0)


@contextmanager
def running(seed: int) -> Generator[None]:
    """Seeded, without the warnings of others' libraries; the state of torch's generator is as before when it ends."""
    import torch

    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        yield


def differing(network: Network) -> list[str]:
    """What the network's module and its ONNX give differently, a line for each output. Needs torch and onnxruntime."""
    import onnxruntime
    import torch

    from archc.verification.layers import by_output

    with running(0), tempfile.TemporaryDirectory(prefix="archc-") as folder, torch.inference_mode():
        module = network.module().eval()
        _perturb(module)
        path = Path(folder) / "network.onnx"
        network.onnx(path, weights=module.state_dict())
        inputs = _inputs(network.graph)
        expected = by_output(module(*inputs.values()), network.graph.outputs)
        del module
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        given = session.run(None, {name: x.numpy() for name, x in inputs.items()})
        del session
        found = [_difference(name, expected[name], torch.from_numpy(y)) for name, y in zip(names, given, strict=True)]
    return [line for line in found if line]


def _perturb(module: nn.Module) -> None:
    """Give numbers to what starts as ones, zeros or another constant, batch norms' statistics among it.

    A back end that forgot one of them would not be found out otherwise.
    """
    import numpy as np
    import torch

    from archc.verification.weights import perturbed

    rng = np.random.default_rng(0)
    for tensor in module.state_dict().values():
        tensor.copy_(torch.as_tensor(perturbed(tensor.numpy(), rng)))


def _inputs(graph: Graph) -> dict[str, Tensor]:
    import torch

    return {name: torch.randn(BATCH, *tensor.shape.dims) for name, tensor in graph.inputs.items()}


def _difference(name: str, expected: Tensor, given: Tensor) -> str | None:
    if given.shape != expected.shape:
        return f"`{name}` is {list(given.shape)} in ONNX and {list(expected.shape)} in PyTorch"
    if not bool(expected.isfinite().all()):
        return f"`{name}` is not finite with random weights, so that nothing can be compared"
    scale = float(expected.double().norm())
    off = float((given.double() - expected.double()).norm())
    if off <= TOLERANCE * scale:
        return None
    return f"`{name}` differs by {off / scale if scale else off:.1e} of its norm, more than {TOLERANCE:.0e}"


def without_gradient(network: Network) -> list[Diagnostic]:
    """The parameters to which one backward pass gives no gradient, or none that is finite. Needs torch.

    In training mode, from a random combination of all that the network then gives.
    """
    graph = network.graph
    with running(0):
        module = network.module().train()
        _backward(module, graph)
        entries = {entry.key: entry for entry in graph.state}
        missing = [entries[k] for k, p in module.named_parameters() if p.requires_grad and p.grad is None]
        wild = [entries[k] for k, p in module.named_parameters() if p.grad is not None and not _finite(p.grad)]
        del module
    return [*_said(missing, graph, "gets no gradient"), *_said(wild, graph, "gets a gradient that is not finite")]


def _backward(module: nn.Module, graph: Graph) -> None:
    import torch

    from archc.verification.layers import by_output

    given = by_output(module(*_inputs(graph).values()), graph.train_outputs).values()
    terms = [(y * torch.randn(y.shape)).sum() for y in given if y.requires_grad]
    if terms:
        torch.stack(terms).sum().backward()


def _finite(tensor: Tensor) -> bool:
    return bool(tensor.isfinite().all())


def _said(entries: list[Entry], graph: Graph, what: str) -> Iterator[Diagnostic]:
    """The first in their places, and one that counts the others."""
    live = set(graph.live("train"))
    for i, entry in enumerate(entries[:_SHOWN]):
        origin = entry.node.origin
        why = "" if entry.node in live else "no output of training needs it"
        rest = count(len(entries) - _SHOWN, "more parameter") if i == _SHOWN - 1 and len(entries) > _SHOWN else None
        found = errors.bad_gradient(origin.span, entry.key, what, why, f"and {rest}" if rest else None)
        yield errors.within(found, origin.parent)
