"""What holds of every op, shown on each of its examples. A new op is taken up by itself."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from archc.backends.init import initial_value
from archc.backends.onnx.model import emit_op
from archc.ops import OPS, ArgumentError, Op, OpError, Shape, TorchModule, Weight
from archc.ops.base import Extra, Reach
from tests.support.memory import alive_in_forward, saved_for_backward
from tests.support.ops import (
    Case,
    Executed,
    cases,
    class_of,
    executed,
    full,
    load,
    namespace,
    random_weights,
    relative_error,
    run_onnx,
    run_torch,
)

BATCHES = (1, 3)
TOLERANCE = 1e-5  # of ONNX against PyTorch
DRAWS = 4000  # numbers of a random start that are compared

CASES = [pytest.param(case, id=f"{name}-{i}") for name in sorted(OPS) for i, case in enumerate(cases(name))]
ONE_INPUT = [p for p in CASES if p.values[0].op.arity == 1]
WITH_WEIGHTS = [p for p in CASES if p.values[0].weights]
WITH_OUTPUTS = [p for p in CASES if p.values[0].results]
WITH_TORCH_CLASS = [
    p for p in CASES if isinstance(form := p.values[0].op.torch(*p.values[0].on), TorchModule) and form.helper is None
]

every_op = pytest.mark.parametrize("name", sorted(OPS))
every_case = pytest.mark.parametrize("case", CASES)


def made(case: Case, **more: Any) -> Executed:
    """The op in PyTorch with weights far from where they start."""
    return load(executed(case.op.torch(*case.on), **more), random_weights(case))


@every_op
def test_an_op_has_examples(name: str) -> None:
    assert OPS[name].examples, f"`{name}` states no examples"


@every_op
def test_an_op_is_documented(name: str) -> None:
    assert OPS[name].__doc__
    assert not OPS[name].__doc__.startswith(f"{OPS[name].__name__}("), "the docstring is dataclass's own"


@pytest.mark.parametrize("batch", BATCHES)
@every_case
def test_inferred_shapes_are_executed_shapes(case: Case, batch: int) -> None:
    outputs = run_torch(made(case).eval(), case.inputs(batch))
    assert [tuple(y.shape) for y in outputs] == [full(shape, batch) for shape in case.results]


@every_case
def test_an_op_runs_in_training(case: Case) -> None:
    outputs = run_torch(made(case).train(), case.inputs(3))
    assert [tuple(y.shape) for y in outputs] == [full(shape, 3) for shape in case.results]


@every_case
def test_declared_weights_are_those_of_the_module(case: Case) -> None:
    module = executed(case.op.torch(*case.on))
    buffers = {name.removeprefix("made.") for name, _ in module.named_buffers()}
    found = [(n, tuple(v.shape), str(v.dtype).removeprefix("torch."), n in buffers) for n, v in module.weights.items()]
    assert [(n, w.shape, w.dtype, w.buffer) for n, w in case.weights.items()] == found


@pytest.mark.parametrize("case", WITH_WEIGHTS)
def test_weights_start_as_in_pytorch(case: Case) -> None:
    for name, weight in case.weights.items():
        ours, torchs = _starts(name, weight), _torch_starts(case, name, weight)
        if ours.std() == 0:
            assert (ours[0] == torchs).all(), name
            continue
        assert abs(ours.mean() - torchs.mean()) < 0.1 * torchs.std(), name
        assert ours.std() == pytest.approx(torchs.std(), rel=0.05), name
        assert ours.min() == pytest.approx(torchs.min(), rel=0.02), name
        assert ours.max() == pytest.approx(torchs.max(), rel=0.02), name


def _starts(name: str, weight: Weight) -> np.ndarray:
    drawn = [initial_value(name, weight, weight.init, seed).reshape(-1) for seed in range(_repeats(weight))]
    return np.concatenate(drawn)


def _torch_starts(case: Case, name: str, weight: Weight) -> np.ndarray:
    torch.manual_seed(0)
    drawn = [executed(case.op.torch(*case.on)).weights[name].reshape(-1) for _ in range(_repeats(weight))]
    return torch.cat(drawn).numpy()


def _repeats(weight: Weight) -> int:
    return -(-DRAWS // int(np.prod(weight.shape)))


@pytest.mark.parametrize("case", WITH_OUTPUTS)
def test_onnx_computes_what_pytorch_does(case: Case) -> None:
    module, weights = made(case).eval(), random_weights(case)
    batches = [case.inputs(batch) for batch in BATCHES]
    for inputs, found in zip(batches, run_onnx(case, weights, batches), strict=True):
        expected = run_torch(module, inputs)
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            assert relative_error(a, b) <= TOLERANCE


@pytest.mark.parametrize("case", WITH_OUTPUTS)
def test_onnx_is_valid_and_infers_the_same_shapes(case: Case) -> None:
    model = emit_op(case.op, case.on)
    onnx.checker.check_model(model, full_check=True)
    declared = [_dims(output) for output in model.graph.output]
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    # ONNX's inference gives the batch a new name behind a Resize; it stays a symbol.
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    assert [_dims(output) for output in inferred.graph.output] == declared
    # A Gather by a constant chooses pixels; one by anything else would be arithmetic on shapes.
    constants = {initializer.name for initializer in model.graph.initializer}
    assert all(node.input[1] in constants for node in model.graph.node if node.op_type == "Gather")
    assert not {node.op_type for node in model.graph.node} & {"Shape", "ConstantOfShape", "Constant"}


def _dims(value: onnx.ValueInfoProto) -> list[int | str]:
    return ["N" if d.dim_param else d.dim_value for d in value.type.tensor_type.shape.dim]


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("case", ONE_INPUT)
def test_the_module_form_computes_the_same(case: Case, mode: str) -> None:
    training, weights = mode == "train", random_weights(case)
    forms = [case.op.torch(*case.on), case.op.torch_module(*case.on)]
    outputs = []
    for form in forms:
        torch.manual_seed(0)
        outputs.append(run_torch(load(executed(form), weights).train(training), case.inputs()))
    for a, b in zip(*outputs, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("case", ONE_INPUT)
def test_helper_classes_are_typed_and_documented(case: Case) -> None:
    form = case.op.torch_module(*case.on)
    if form.helper is None:
        assert form.cls.startswith("nn.")
        return
    tree = ast.parse(form.helper)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    assert classes
    assert form.cls in namespace(form.helper)
    assert all(ast.get_docstring(node) for node in classes)
    for function in functions:
        assert function.returns is not None, function.name
        assert all(a.annotation for a in function.args.args if a.arg != "self"), function.name


@every_case
def test_macs_are_those_that_pytorch_counts(case: Case) -> None:
    counter = FlopCounterMode(display=False)
    with counter:
        run_torch(made(case).eval(), case.inputs(2))
    macs = case.op.macs(case.on, case.results[0]) if case.results else 0
    samples = 2 if any(shape.batched for shape in case.on) else 1
    # A filter that is fixed, not learned, is not counted, though PyTorch may compute it by a convolution.
    assert 2 * samples * macs == (counter.get_total_flops() if case.weights else 0)


# Where PyTorch's own default is a warning, or no choice at all.
OWN_DEFAULTS = {("softmax", "dim"), ("upsample", "scale_factor"), ("pad", "value")}


@pytest.mark.parametrize("case", WITH_TORCH_CLASS)
def test_defaults_are_those_of_pytorch(case: Case) -> None:
    form = case.op.torch(*case.on)
    assert isinstance(form, TorchModule)
    parameters = inspect.signature(class_of(form)).parameters
    for argument in case.op.signature().arguments:
        if argument.name not in parameters or (case.op.name, argument.name) in OWN_DEFAULTS:
            continue
        default = parameters[argument.name].default
        assert argument.required == (default is inspect.Parameter.empty), argument.name
        if not argument.required and default is not None:
            assert argument.default == argument.kind.check(default), argument.name


@pytest.mark.parametrize("case", WITH_TORCH_CLASS)
def test_positional_arguments_stand_in_pytorchs_order(case: Case) -> None:
    form = case.op.torch(*case.on)
    assert isinstance(form, TorchModule)
    names = list(inspect.signature(class_of(form)).parameters)
    if names[:1] != ["args"]:
        assert list(form.args)[: form.positional] == names[: min(form.positional, len(form.args))]


@every_case
def test_the_inplace_form_computes_the_same(case: Case) -> None:
    form = case.op.torch(*case.on)
    has_flag = isinstance(form, TorchModule) and "inplace" in inspect.signature(class_of(form)).parameters
    assert case.op.inplace == has_flag
    if not case.op.inplace:
        return
    for training in (False, True):
        (x,) = case.inputs()
        torch.manual_seed(0)
        (expected,) = run_torch(made(case).train(training), [x])
        torch.manual_seed(0)
        given = x.clone()
        (found,) = run_torch(made(case, inplace=True).train(training), [given])
        assert torch.equal(found, expected)
        assert _shares(found, given)


@every_op
def test_claims_of_what_autograd_keeps_are_true(name: str) -> None:
    kept_input = kept_output = False
    for case in cases(name):
        for training in (False, True):
            inputs = [x.requires_grad_() for x in case.inputs()]
            saved: list[Tensor] = []
            with torch.autograd.graph.saved_tensors_hooks(lambda t, s=saved: (s.append(t), t)[1], lambda t: t):
                outputs = made(case).train(training)(*inputs)
            kept_input |= any(_shares(s, x) for s in saved for x in inputs)
            kept_output |= any(_shares(s, y) for s in saved for y in outputs)
    assert (OPS[name].keeps_input, OPS[name].keeps_output) == (kept_input, kept_output)


@every_case
def test_what_autograd_keeps_is_told_to_the_byte(case: Case) -> None:
    inputs = [x.requires_grad_() for x in case.inputs()]
    kept = case.op.saves(case.on, [True] * len(inputs))
    told = sum(map(_bytes, [*(inputs[i] for i in kept.inputs), *(made(case)(*case.inputs()) if kept.output else ())]))
    assert saved_for_backward(made(case).train(), inputs) == told + _extra_bytes(kept.extras)


@pytest.mark.parametrize("case", [p for p in CASES if p.values[0].op.arity is None and p.values[0].results])
def test_what_autograd_keeps_where_one_input_needs_a_gradient(case: Case) -> None:
    for place in range(len(case.on)):
        inputs = [x.requires_grad_(i == place) for i, x in enumerate(case.inputs())]
        kept = case.op.saves(case.on, [x.requires_grad for x in inputs])
        told = sum(_bytes(inputs[i]) for i in kept.inputs) + _extra_bytes(kept.extras)
        assert saved_for_backward(made(case).train(), inputs) == told


@pytest.mark.parametrize("case", [p for p in CASES if p.values[0].op.inplace and not p.values[0].op.view])
def test_what_autograd_keeps_of_an_op_in_place(case: Case) -> None:
    """The copy that it makes of its input, or the result, which is where the input was."""
    shared: list[bool] = []

    def pack(tensor: Tensor) -> Tensor:
        shared.append(_shares(tensor, x))
        return tensor

    (x,) = (2 * x.requires_grad_() for x in case.inputs())
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        made(case, inplace=True).train()(x)
    assert shared == [not case.op.copies_input]


@pytest.mark.parametrize("case", WITH_OUTPUTS)
def test_what_an_op_makes_and_throws_away_is_told(case: Case) -> None:
    module, inputs = made(case).eval(), case.inputs()
    alive = alive_in_forward(module, inputs)
    told = sum(map(_bytes, inputs)) + _new_bytes(case) + _extra_bytes(case.op.scratch(case.on))
    # Where filters are standardised, what is thrown away differs with the size of the output.
    assert told == pytest.approx(alive.peak, rel=0.02 if case.op.name == "std_conv" else 0)


def _bytes(tensor: Tensor) -> int:
    return tensor.untyped_storage().nbytes()


def _extra_bytes(extras: Sequence[Extra]) -> int:
    return sum(torch.empty(full(e.shape, 3), dtype=getattr(torch, e.dtype)).nbytes for e in extras)


def _new_bytes(case: Case) -> int:
    """The bytes of outputs that are memory of their own."""
    return 0 if case.op.is_view(training=False) else sum(4 * prod(full(shape, 3)) for shape in case.results)


@every_op
def test_claims_of_shared_memory_are_true(name: str) -> None:
    """An op is a view if in some mode, on some input, its output is the memory of an input or of a weight."""
    shares = False
    for case in cases(name):
        for training in (False, True):
            module, inputs = made(case).train(training), case.inputs()
            memory = [*inputs, *module.parameters()]
            shares |= any(_shares(y, m) for y in run_torch(module, inputs) for m in memory)
    assert OPS[name].view == shares


def _shares(a: Tensor, b: Tensor) -> bool:
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


@pytest.mark.parametrize("case", ONE_INPUT)
def test_positions_read_no_more_than_they_claim(case: Case) -> None:
    """Where an output position along an axis depends on an input position, ``reach`` holds it."""
    reach = case.op.reach(case.on, case.results[0])
    assert len(reach) == len(case.results[0].dims)
    (x,) = (x.double().requires_grad_() for x in case.inputs(1))
    (y, *_) = made(case).double().eval()(x)
    for axis, band in enumerate(reach):
        if band is None or band.axis == 0:
            continue
        for j in range(case.results[0].dims[axis]):
            (gradient,) = torch.autograd.grad(y.select(axis + 1, j).sum(), x, retain_graph=True)
            read = gradient.abs().movedim(band.axis + 1, 0).flatten(1).sum(1).nonzero().flatten().tolist()
            assert all(_holds(band, j, i, case.on[0].dims[band.axis], case.op) for i in read), (axis, j, read, band)


def _holds(band: Reach, j: int, i: int, size: int, op: Op) -> bool:
    """Whether output position j may read input position i; circular padding puts it before and after the map too."""
    first = band.start + j * band.stride
    copies = (i - size, i, i + size) if getattr(op, "mode", None) == "circular" else (i,)
    return any(first <= copy < first + band.size for copy in copies)


@pytest.mark.parametrize("case", WITH_OUTPUTS)
def test_an_affine_op_is_the_affine_map_that_it_says(case: Case) -> None:
    weights = random_weights(case)
    affine = case.op.as_affine({name: value.numpy() for name, value in weights.items()})
    if affine is None:
        return
    (x,) = case.inputs()
    (y,) = run_torch(made(case).eval(), [x])
    assert relative_error(_affinely(x.numpy(), *affine), y) <= TOLERANCE


@pytest.mark.parametrize("case", WITH_WEIGHTS)
def test_absorbing_an_affine_map_is_applying_it(case: Case) -> None:
    weights = {name: value.numpy() for name, value in random_weights(case).items()}
    output = case.results[0]
    if not output.batched:
        return
    rng = np.random.default_rng(0)
    scale, shift = rng.normal(size=output.channels), rng.normal(size=output.channels)
    absorbed = case.op.absorb_affine(weights, scale, shift, output=output)
    if absorbed is None:
        return
    inputs = case.inputs()
    (y,) = run_torch(made(case).eval(), inputs)
    folded = {name: torch.from_numpy(value.astype(np.float32)) for name, value in absorbed.items()}
    ((found,),) = run_onnx(case, folded, [inputs])
    assert relative_error(found, _affinely(y.numpy(), scale, shift)) <= TOLERANCE


def _affinely(x: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    shape = (-1, *[1] * (x.ndim - 2))
    return x * scale.reshape(shape) + shift.reshape(shape)


@every_case
def test_given_arguments_make_the_op_again(case: Case) -> None:
    again = type(case.op).bind(case.op.given())
    assert again == case.op
    assert hash(again) == hash(case.op)


@every_case
def test_a_summary_begins_with_the_name(case: Case) -> None:
    assert case.op.summary().split()[0] == case.op.name


class NotAnArgument:
    """A value that no argument takes."""

    def __repr__(self) -> str:
        """The same in every process, since it names a test."""
        return "NotAnArgument()"


def _first(name: str) -> tuple[type[Op], dict[str, Any]]:
    op = cases(name)[0].op
    return type(op), {a.name: getattr(op, a.name) for a in op.signature().arguments}


@every_op
def test_an_unknown_argument_is_refused(name: str) -> None:
    cls, given = _first(name)
    with pytest.raises(ArgumentError, match=f"`{name}` has no argument `pading`") as caught:
        cls.of(**given, pading=1)
    assert (caught.value.code, caught.value.argument) == ("unknown-argument", "pading")


@every_op
def test_a_missing_argument_is_refused(name: str) -> None:
    cls, given = _first(name)
    for argument in cls.signature().arguments:
        if argument.required:
            with pytest.raises(ArgumentError, match=f"`{name}` needs `{argument.name}`") as caught:
                cls.of(**{k: v for k, v in given.items() if k != argument.name})
            assert (caught.value.code, caught.value.argument) == ("missing-argument", argument.name)


@every_op
def test_an_argument_given_twice_is_refused(name: str) -> None:
    cls, given = _first(name)
    for first in list(given)[:1]:
        with pytest.raises(ArgumentError, match=f"`{name}` got `{first}` twice") as caught:
            cls.of(given[first], **given)
        assert (caught.value.code, caught.value.argument) == ("doubled-argument", first)


@every_op
def test_too_many_arguments_are_refused(name: str) -> None:
    cls, given = _first(name)
    with pytest.raises(ArgumentError, match=f"`{name}` takes") as caught:
        cls.of(*given.values(), 1)
    assert caught.value.code == "too-many-arguments"


@pytest.mark.parametrize("wrong", [NotAnArgument(), "no such thing", {"a": 1}, float("nan"), [[]]], ids=repr)
@every_op
def test_a_wrong_argument_is_refused(name: str, wrong: Any) -> None:
    cls, given = _first(name)
    for argument in given:
        with pytest.raises(ArgumentError, match=f"`{argument}` of `{name}` must be") as caught:
            cls.of(**{**given, argument: wrong})
        assert (caught.value.code, caught.value.argument) == ("wrong-argument", argument)


@every_op
def test_a_parameter_without_batch_is_refused_or_kept(name: str) -> None:
    """No op may take the first axis of a parameter for the batch in silence."""
    for case in _unbatched(name):
        try:
            results = case.results
        except OpError:
            continue
        outputs = run_torch(made(case).eval(), case.inputs())
        assert [tuple(y.shape) for y in outputs] == [full(shape, 3) for shape in results]


def _unbatched(name: str) -> Iterator[Case]:
    for case in cases(name):
        if case.on:
            yield Case(case.op, tuple(Shape((3, *s.dims) if s.batched else s.dims, batched=False) for s in case.on))
