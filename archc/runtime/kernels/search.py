"""Finding a node's kernel as onnxruntime does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

from archc.runtime.kernels.table import Argument, Kernel, Operator, kernels, operator


@dataclass(frozen=True, slots=True)
class Use:
    """A node, as far as its kernel depends on it.

    ``inputs`` and ``outputs`` are element types by position, in numpy's names and ``bfloat16``; None is for an input
    left out, or of a type that is not known.
    """

    op_type: str
    inputs: tuple[str | None, ...]
    outputs: tuple[str | None, ...] = ()
    domain: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """A node without a kernel, and why there is none."""

    use: Use
    reason: str

    def __str__(self) -> str:
        name = f"`{self.use.name}`: " if self.use.name else ""
        return f"{name}{self.use.op_type} {self.reason}"


def supports(provider: str, op_type: str, opset: int, types: str | Mapping[str, str], domain: str = "") -> bool:
    """Whether a provider has a kernel for an operator as it is at an opset.

    ``types`` is the element type of its first input (of its output, where it has no input), or the type by type
    parameter or argument, such as ``{"T1": "float32", "T2": "uint8"}`` for QuantizeLinear; what is left out may be any.
    A provider may decline a node for other reasons: CUDA leaves a ConvTranspose whose pads differ at the two ends of
    an axis to the CPU. Raises ValueError for a provider that is not in the table.
    """
    found = kernels(provider, op_type, domain)
    meant = operator(op_type, opset, domain)
    if meant is None:
        return False
    first = (meant.inputs or meant.outputs)[0]
    by_key = {first.type: types} if isinstance(types, str) else types
    return any(kernel.runs(meant.since) and kernel.takes(by_key) for kernel in found)


def missing(provider: str, opsets: Mapping[str, int], uses: Iterable[Use]) -> list[Missing]:
    """Those for which a provider has no kernel; ``opsets`` are those of the model, by domain ("" is ONNX's own)."""
    found = ((use, _reason(provider, opsets.get(use.domain, 1), use)) for use in uses)
    return [Missing(use, reason) for use, reason in found if reason is not None]


def _reason(provider: str, opset: int, use: Use) -> str | None:
    """Why there is no kernel, or None if there is one."""
    found = kernels(provider, use.op_type, use.domain)
    meant = operator(use.op_type, opset, use.domain)
    if not found or meant is None:
        return f"has no kernel in {provider}" + _instead(meant)
    versioned = [kernel for kernel in found if kernel.runs(meant.since)]
    if not versioned:
        return f"of opset {meant.since} has no kernel in {provider}, which has {_versions(found)}" + _instead(meant)
    types = types_of(use, meant)
    if any(kernel.takes(types) for kernel in versioned):
        return None
    return f"of {_named(types, versioned)} has no kernel in {provider}, which has {_allowed(types, versioned)}"


def types_of(use: Use, meant: Operator) -> dict[str, str]:
    """The node's types by type parameter and by argument."""
    types: dict[str, str] = {}
    for arguments, given in ((meant.inputs, use.inputs), (meant.outputs, use.outputs)):
        for argument, dtype in zip(_spread(arguments), given, strict=False):
            if dtype is not None:
                types.setdefault(argument.type, dtype)
                types.setdefault(argument.name, dtype)
    return types


def _spread(arguments: Sequence[Argument]) -> Iterable[Argument]:
    """Arguments by position, the last as often as there are inputs if it is variadic."""
    return chain(arguments, repeat(arguments[-1])) if arguments and arguments[-1].variadic else arguments


def _instead(meant: Operator | None) -> str:
    return " (it falls into the operators that define it)" if meant is not None and meant.function else ""


def _versions(found: Iterable[Kernel]) -> str:
    spans = sorted({(kernel.first, kernel.last or kernel.first) for kernel in found})
    return ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in spans)


def _named(types: Mapping[str, str], found: Iterable[Kernel]) -> str:
    keys = dict.fromkeys(key for kernel in found for key in kernel.types if key in types)
    return ", ".join(types[key] for key in keys)


def _allowed(types: Mapping[str, str], found: Iterable[Kernel]) -> str:
    kinds = {" and ".join("/".join(sorted(kernel.types[k])) for k in kernel.types if k in types) for kernel in found}
    return " or ".join(sorted(kinds))
