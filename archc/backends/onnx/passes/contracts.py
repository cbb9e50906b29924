"""What must hold of a program before or after a pass. Each gives what is wrong, a line each."""

from __future__ import annotations

from collections import Counter

from archc.backends.onnx.program import Program


def valid(program: Program) -> list[str]:
    """Every tensor is made once, before it is read; every output is made; no two nodes have one name."""
    known = {*program.inputs, *program.initializers, ""}
    names = Counter(node.name for node in program.nodes if node.name)
    problems = [f"{count} nodes are called `{name}`" for name, count in names.items() if count > 1]
    for node in program.nodes:
        problems += [f"`{node.name}` reads `{t}`, which is not there yet" for t in node.inputs if t not in known]
        problems += [f"`{node.name}` makes `{t}` once more" for t in node.outputs if t and t in known]
        known.update(node.outputs)
    return problems + [f"the output `{name}` is not made" for name in program.outputs if name not in known]


def single_precision(program: Program) -> list[str]:
    """All floating-point numbers are fp32."""
    half = [i.name for i in program.initializers.values() if i.dtype in ("float16", "bfloat16")]
    return [f"`{name}` is {program.initializers[name].dtype}" for name in half]


def nothing_quantized(program: Program) -> list[str]:
    """No tensor is quantised yet."""
    return [f"`{node.name}` quantises" for node in program.of_type("QuantizeLinear", "DequantizeLinear")]


def no_norm_of_maps(program: Program) -> list[str]:
    """No batch norm with fixed numbers is over a map, of four axes."""
    norms = (n for n in program.of_type("BatchNormalization") if len(program.shape(n.outputs[0]) or ()) == 4)
    return [f"`{n.name}` is a batch norm" for n in norms if all(map(program.is_constant, n.inputs[1:]))]


def no_foldable_norm(program: Program) -> list[str]:
    """No batch norm is left that a convolution or linear layer feeds alone."""
    found: list[str] = []
    for norm in program.of_type("BatchNormalization"):
        before = program.producer(norm.inputs[0])
        alone = before is not None and program.only_consumer(norm.inputs[0]) is norm
        if before is not None and alone and before.op_type in ("Conv", "ConvTranspose", "Gemm"):
            found.append(f"`{norm.name}` would go into `{before.name}`")
    return found
