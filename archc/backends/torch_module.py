"""The network as a live ``nn.Module``: the generated source, executed. There is no second PyTorch back end."""

from __future__ import annotations

import hashlib
import linecache
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from archc.backends.torch_source import source
from archc.graph.graph import Graph

if TYPE_CHECKING:
    from torch import Tensor, nn

PACKAGE = "archc_generated"


def module(graph: Graph, alternatives: Sequence[Graph] = (), **arguments: Any) -> nn.Module:
    """A new instance of the network, with PyTorch's random start or the spec's ``init``.

    ``arguments`` are given to the constructor. The class stands in a Python module of its own: it can be pickled
    and its source be inspected; the same text is executed once.
    """
    return load(source(graph, alternatives))(**arguments)


def module_with(graph: Graph, weights: Mapping[str, Any], alternatives: Sequence[Graph] = ()) -> nn.Module:
    """A new instance of the network that holds copies of these weights: arrays, all that its state_dict has.

    It is made without numbers of its own, so that it takes their memory once, and no time to start them.
    """
    import torch

    made = load(source(graph, alternatives))
    state: dict[str, Tensor] = {key: torch.as_tensor(value.copy()) for key, value in weights.items()}
    with torch.device("meta"):
        empty = made()
    if any(buffer.is_meta for name, buffer in empty.named_buffers() if name not in state):
        empty = made()  # constants of its layers, that no state_dict has
    empty.load_state_dict(state, strict=True, assign=True)
    return empty


def load(text: str) -> type[nn.Module]:
    """The network's class: the last that the source defines."""
    return _network(_execute(text))


def _network(made: ModuleType) -> type[nn.Module]:
    classes = [v for v in vars(made).values() if isinstance(v, type) and v.__module__ == made.__name__]
    return classes[-1]


def _execute(text: str) -> ModuleType:
    """The source as an imported module, known by its contents' hash."""
    name = f"{PACKAGE}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    made = ModuleType(name)
    made.__file__ = f"<{name}>"
    made.__source__ = text  # pyright: ignore[reportAttributeAccessIssue]
    # Without a modification time, linecache keeps the lines: tracebacks and inspect.getsource show them.
    linecache.cache[made.__file__] = (len(text), None, text.splitlines(keepends=True), made.__file__)
    sys.modules[name] = made
    try:
        exec(compile(text, made.__file__, "exec"), made.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return made
