"""What an op is: a frozen class whose fields are its arguments, and rules from which all else is derived.

Adding an op means adding one class, in one file of this package, with its examples. The schema, the signature in
messages, the table, both back ends and the law test take it up from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, dataclass_transform, get_type_hints

from archc.ops.shape import Shape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float32] | NDArray[np.float64] | NDArray[np.int64]


class OpError(Exception):
    """The op can't be built on these inputs.

    ``argument`` names the argument at fault, ``input`` the place of the input at fault; either may be None. ``found``
    labels that place in the excerpt; ``help`` says what to do.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        argument: str | None = None,
        input: int | None = None,
        found: str = "",
        help: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.argument, self.input = code, message, argument, input
        self.found, self.help = found, help


class ArgumentError(OpError):
    """An argument is unknown, missing, given twice, or of a wrong type or value."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What an argument may be. ``check`` returns the value as the op keeps it, or raises ValueError."""

    expected: str
    check: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Init:
    """How a weight starts: the name of an initialiser of ``torch.nn.init``, and its arguments."""

    name: str
    args: tuple[tuple[str, float | str], ...] = ()

    @staticmethod
    def of(name: str, **args: float | str) -> Init:
        return Init(name, tuple(args.items()))


ZEROS, ONES = Init("zeros"), Init("ones")


def uniform(bound: float) -> Init:
    """U(−bound, bound)."""
    return Init.of("uniform", a=-bound, b=bound)


@dataclass(frozen=True, slots=True)
class Weight:
    """A tensor that an op keeps, in the order of PyTorch's state_dict: parameters, then buffers."""

    shape: tuple[int, ...]
    init: Init
    buffer: bool = False
    dtype: str = "float32"  # or "int64"


@dataclass(frozen=True, slots=True)
class Extra:
    """A tensor that an op makes beside its outputs: indices, statistics, what stands between two steps."""

    shape: Shape
    dtype: str = "float32"  # or "int64"


@dataclass(frozen=True, slots=True)
class Saved:
    """What autograd keeps of an op until its backward, weights aside: inputs by their places, the output, extras."""

    inputs: tuple[int, ...] = ()
    output: bool = False
    extras: tuple[Extra, ...] = ()


@dataclass(frozen=True, slots=True)
class Reach:
    """What an output position reads along one axis.

    Position ``j`` of the output's axis reads the ``size`` positions of the inputs' axis ``axis`` that begin at
    ``start + j * stride``. Axes are those of ``Shape.dims``. ``size`` need not be whole: where the positions differ,
    as in an upsampling, it is the narrowest band that holds all of them.
    """

    axis: int
    size: int | Fraction = 1
    stride: int | Fraction = 1
    start: int | Fraction = 0

    @staticmethod
    def spanning(axis: int, reads: Sequence[tuple[int, int]], stride: Fraction) -> Reach:
        """The narrowest band at this stride that holds, for each output position, its (first, last) position read."""
        start = min(first - j * stride for j, (first, _) in enumerate(reads))
        end = max(last - j * stride for j, (_, last) in enumerate(reads))
        return Reach(axis, end - start + 1, stride, start)


@dataclass(frozen=True, slots=True)
class TorchModule:
    """The constructor call of an ``nn.Module``: ``TorchModule("nn.Conv2d", {"in_channels": 3, …}, positional=3)``.

    The first ``positional`` arguments are written without their names. ``helper`` is the source of the class, where
    it is not one of torch's.
    """

    cls: str
    args: Mapping[str, Any]
    positional: int = 0
    helper: str | None = None


@dataclass(frozen=True, slots=True)
class TorchExpression:
    """A stateless expression over the inputs: ``TorchExpression("{0} + {1}", atom=False)``, which needs brackets.

    ``augmented`` is the statement that leaves the result in the first input, where that has the result's shape.
    """

    template: str
    atom: bool = True
    helper: str | None = None
    augmented: str | None = None


class OnnxEmitter(Protocol):
    """What an op's ``onnx`` rule writes to. Names of tensors are strings."""

    def node(self, op_type: str, inputs: Sequence[str], *, outputs: int = 1, **attributes: Any) -> list[str]:
        """Add a node; gives the names of its outputs."""
        ...

    def has(self, name: str) -> bool:
        """Whether the op's weight ``name`` exists here (folding a batch norm may have given a convolution a bias)."""
        ...

    def weight(self, name: str) -> str:
        """The initializer of one of the op's own weights."""
        ...

    def value(self, name: str) -> Array:
        """The numbers of one of the op's own weights."""
        ...

    def constant(self, value: Any, dtype: str = "float32") -> str:
        """A constant: numbers, nested lists or an array."""
        ...


@dataclass(frozen=True, slots=True)
class Example:
    """An op on some inputs, for the law test."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    on: tuple[Shape, ...]


def example(*args: Any, on: Sequence[int] | Sequence[Sequence[int] | Shape], **kwargs: Any) -> Example:
    """``example(8, 3, padding=1, on=[3, 8, 8])``; several inputs are a list of lists."""
    shapes: list[Any] = [on] if on and isinstance(on[0], int) else list(on)
    return Example(args, kwargs, tuple(s if isinstance(s, Shape) else Shape(tuple(s)) for s in shapes))


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of an op. ``default`` is as a user writes it; ``shown`` is its text in the signature."""

    name: str
    kind: Kind
    required: bool
    default: Any
    shown: str


@dataclass(frozen=True, slots=True)
class Signature:
    """An op's arguments in order."""

    name: str
    arguments: tuple[Argument, ...]

    def __str__(self) -> str:
        parts = [a.name if a.required else f"{a.name}={a.shown}" for a in self.arguments]
        return f"{self.name}({', '.join(parts)})"


@cache
def _own_position(rank: int) -> tuple[Reach, ...]:
    return tuple(Reach(axis) for axis in range(rank))


class Op:
    """Base of all ops. A subclass is declared with ``@op("name")`` and states rules over batchless shapes."""

    name: ClassVar[str]
    arity: ClassVar[int | None] = 1  # None: one or more; lists of tensors are then taken apart
    view: ClassVar[bool] = False  # the output may share its input's memory, in eval at least
    mixes: ClassVar[bool] = False  # every output position sees the whole map
    shape_only: ClassVar[frozenset[int]] = frozenset()  # places of inputs of which only the shape is read
    keeps_output: ClassVar[bool] = False  # autograd keeps the output, so nothing may write into it
    keeps_input: ClassVar[bool] = True  # autograd keeps the input
    inplace: ClassVar[bool] = False  # the module takes ``inplace=True``
    copies_input: ClassVar[bool] = False  # working in place, it leaves autograd a copy of the input
    eval_identity: ClassVar[bool] = False  # in eval mode the output is the input itself
    train_arguments: ClassVar[frozenset[str]] = frozenset()  # those that matter in training alone
    examples: ClassVar[tuple[Example, ...]] = ()

    # What a frozen dataclass would write out for each of the ops stands here once: that halves the time to import them.

    def __init__(self, **arguments: Any) -> None:
        self.__dict__.update(arguments)

    def __setattr__(self, name: str, value: Any) -> None:
        raise FrozenInstanceError(f"an op does not change; can't set `{name}`")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"an op does not change; can't delete `{name}`")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.items()))

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in self.__dict__.items())})"

    def infer(self, *inputs: Shape) -> Shape | list[Shape]:
        """Output shape (a list of shapes where the op gives a list). Raises OpError."""
        raise NotImplementedError

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        """Name → weight, in the order of the state_dict."""
        return {}

    def macs(self, inputs: Sequence[Shape], output: Shape) -> int:
        """Multiply-adds of one sample; only those of convolutions and linear layers are counted."""
        return 0

    def saves(self, inputs: Sequence[Shape], needs: Sequence[bool]) -> Saved:
        """What autograd keeps in training; ``needs`` says which inputs lead back to a parameter.

        Asked where the output does. By default all inputs, and the output, as the class's flags say.
        """
        return Saved(tuple(range(len(inputs))) if self.keeps_input else (), self.keeps_output)

    def scratch(self, inputs: Sequence[Shape]) -> Sequence[Extra]:
        """What PyTorch has at once beside inputs and outputs while it computes the op in eval mode.

        Tensors only; the workspaces of the libraries that compute convolutions and products are no part of it.
        """
        return ()

    def is_view(self, *, training: bool) -> bool:
        """Whether, in the mode, the output shares its input's memory."""
        return self.view

    def window(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None:
        """(effective kernel, stride, padding) by spatial axis for ops with a window; None for the others."""
        return None

    def reach(self, inputs: Sequence[Shape], output: Shape) -> Sequence[Reach | None]:
        """For each axis of the output, what a position along it reads; None where it reads a whole map.

        An axis of the inputs that no entry names is read whole as well. By default an op with a window slides it over
        the axes after the channels, one that ``mixes`` reads everything, and any other reads its own position.
        """
        if self.mixes:
            return (None,) * len(output.dims)
        window = self.window()
        if window is None:
            return _own_position(len(output.dims))
        sizes, strides, paddings = window
        slid = [Reach(i + 1, k, s, -p) for i, (k, s, p) in enumerate(zip(sizes, strides, paddings, strict=True))]
        return [Reach(0), *slid]

    def torch(self, *inputs: Shape) -> TorchModule | TorchExpression:
        """The module or expression that computes the op in PyTorch."""
        raise NotImplementedError

    def torch_module(self, *inputs: Shape) -> TorchModule:
        """As ``torch``, but always a module, for a place in an ``nn.Sequential``. For ops with one input."""
        form = self.torch(*inputs)
        assert isinstance(form, TorchModule), f"{self.name} needs a module form"
        return form

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        """Add the op's nodes, in eval mode; gives the names of its outputs (an input's name where it does nothing)."""
        raise NotImplementedError

    def as_affine(self, values: Mapping[str, Array]) -> tuple[Array, Array] | None:
        """(scale, shift) by channel, in float64, where the op is that in eval mode."""
        return None

    def absorb_affine(
        self, values: Mapping[str, Array], scale: Array, shift: Array, *, output: Shape | None = None
    ) -> dict[str, Array] | None:
        """The weights with a following ``y * scale + shift`` by output channel worked in, in float64, or None.

        ``output`` is the shape of ``y``: a linear layer makes channels only where its last axis is axis 1.
        """
        return None

    def summary(self) -> str:
        """The op with the arguments that matter, for a table: ``conv 7×7 /2 p3``."""
        return self.name

    @classmethod
    def signature(cls) -> Signature:
        """The arguments, read off the fields."""
        return _signature(cls)

    @classmethod
    def of(cls, *args: Any, **kwargs: Any) -> Op:
        """The op with these arguments, each checked. Raises ArgumentError."""
        signature = cls.signature()
        if len(args) > len(signature.arguments):
            most = len(signature.arguments)
            raise ArgumentError("too-many-arguments", f"`{cls.name}` takes {most} arguments, not {len(args)}")
        given = dict(zip((a.name for a in signature.arguments), args, strict=False))
        for name, value in kwargs.items():
            if name in given:
                raise ArgumentError("doubled-argument", f"`{cls.name}` got `{name}` twice", argument=name)
            given[name] = value
        return cls.bind(given)

    @classmethod
    def bind(cls, given: Mapping[str, Any]) -> Op:
        """The op with these named arguments. Raises ArgumentError at the first that is unknown, missing or wrong."""
        checked: dict[str, Any] = {}
        signature = cls.signature()
        for argument in signature.arguments:
            if argument.name in given:
                checked[argument.name] = check(cls, argument, given[argument.name])
            elif argument.required:
                raise ArgumentError("missing-argument", f"`{cls.name}` needs `{argument.name}`", argument=argument.name)
            else:
                checked[argument.name] = argument.default
        if unknown := [name for name in given if name not in checked]:
            raise ArgumentError("unknown-argument", f"`{cls.name}` has no argument `{unknown[0]}`", argument=unknown[0])
        return cls(**checked)

    def given(self) -> dict[str, Any]:
        """The arguments that differ from their defaults, in order, with the required ones always."""
        return {
            a.name: getattr(self, a.name)
            for a in self.signature().arguments
            if a.required or getattr(self, a.name) != a.default
        }


def check(cls: type[Op], argument: Argument, value: Any) -> Any:
    """The value as the op keeps it. Raises ArgumentError."""
    try:
        return argument.kind.check(value)
    except ValueError as e:
        raise ArgumentError(
            "wrong-argument",
            f"`{argument.name}` of `{cls.name}` must be {argument.kind.expected}",
            argument=argument.name,
            found=str(e) or f"this is {value!r}",
        ) from None


@cache
def _signature(cls: type[Op]) -> Signature:
    hints = get_type_hints(cls, include_extras=True)
    arguments: list[Argument] = []
    for field in fields(cls):  # pyright: ignore[reportArgumentType]
        kind = next(k for k in getattr(hints[field.name], "__metadata__", ()) if isinstance(k, Kind))
        required = field.default is MISSING
        default = None if required else field.default
        shown = str(field.metadata.get("shown", _as_written(default)))
        if not required and default is not None:
            default = kind.check(default)
        arguments.append(Argument(field.name, kind, required, default, shown))
    return Signature(cls.name, tuple(arguments))


def _as_written(default: Any) -> str:
    """1e-5, not 1e-05; double quotes."""
    return f'"{default}"' if isinstance(default, str) else repr(default).replace("e-0", "e-")


OPS: dict[str, type[Op]] = {}

C = TypeVar("C", bound=type[Op])


@dataclass_transform(frozen_default=True)
def op(name: str) -> Callable[[C], C]:
    """Declare an op: its annotated fields become its arguments, and ``OPS`` has it under ``name``."""

    def declare(cls: C) -> C:
        made: Any = dataclass(init=False, repr=False, eq=False)(cls)
        made.name = name
        OPS[name] = made
        return made

    return declare
