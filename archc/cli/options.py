"""The options that several commands share, and how their text becomes values."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from archc.diagnostics.diagnostic import Diagnostic
    from archc.network import Network, Weighted

F = TypeVar("F", bound=Callable[..., Any])

Input = list[int] | dict[str, list[int]]


def size(text: str) -> tuple[str | None, list[int]]:
    """``3x96x96``, or ``image=3x96x96``: a shape without the batch, for the network's one input or for a named one."""
    name, equals, sizes = text.rpartition("=")
    if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*)*", sizes, re.ASCII) or (equals and not name):
        raise click.BadParameter(f"{text!r} is no size such as 3x96x96 or image=3x96x96 (without the batch)")
    return name or None, [int(n) for n in sizes.split("x")]


def setting(text: str) -> tuple[str, Any]:
    """``key=value``, the value read as in a spec."""
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise click.BadParameter(f"{text!r} is not of the form key=value")
    return key, read_value(value, f"--set {key}")


def byte_count(text: str) -> int:
    """A number of bytes: ``1000``, ``64Mi``, ``2G``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]i?)?B?", text, re.ASCII)
    if not match:
        raise click.BadParameter(f"{text!r} is no size such as 1000, 64Mi or 2G")
    number, unit = match[1], match[2] or " "
    return int(float(number) * (1024 if unit.endswith("i") else 1000) ** " KMGT".index(unit[0]))


def batches(_: click.Context, __: click.Parameter, text: str) -> tuple[int, ...]:
    """``1,8,32`` as batch sizes, each once: the callback of an option."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        raise click.BadParameter(f"{text!r} is no list of batch sizes such as 1,8,32")
    return tuple(dict.fromkeys(map(int, parts)))


def name_list(_: click.Context, __: click.Parameter, text: str | None) -> list[str] | None:
    """An option's callback: ``a,b`` as names; None where the option is not given."""
    return None if text is None else [name for part in text.split(",") if (name := part.strip())]


def given_options(options: Mapping[str, str]) -> list[str]:
    """The flags of those options (parameter → flag) that the caller wrote."""
    source = click.get_current_context().get_parameter_source
    return [flag for name, flag in options.items() if source(name) is ParameterSource.COMMANDLINE]


def read_value(text: str, name: str) -> Any:
    """The value that ``text`` stands for in a spec: a number, a boolean, text, or a list. Raises CompileError."""
    from archc.diagnostics.collector import Collector
    from archc.diagnostics.span import Source
    from archc.language.schema import plain
    from archc.language.syntax import parse

    collector = Collector()
    node = parse(Source(name, text), collector)
    value = None if node is None else plain(node, collector)
    collector.check()
    return value


def network_options(command: F) -> F:
    """``--set`` and ``--input``: what a caller may change of a network."""
    for option in (
        click.option(
            "--input", "inputs", type=size, multiple=True, metavar="CxHxW",
            help="Another input size, without the batch: 3x96x96; name=3x96x96 where there are several.",
        ),
        click.option(
            "--set", "settings", type=setting, multiple=True, metavar="KEY=VALUE",
            help="Give one of the spec's params another value; may be repeated.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def model_input_option(command: F) -> F:
    """``--input`` of commands that run a model: the sizes that it leaves free."""
    return click.option(
        "--input", "sizes", type=size, multiple=True, metavar="CxHxW",
        help="The input's size where the model leaves it free, without the batch: 3x224x224.",
    )(command)  # fmt: skip


def weights_options(command: F) -> F:
    """How a file of weights is taken where it is not the network's, all and no more."""
    for option in (
        click.option(
            "--other-structure", is_flag=True,
            help="Take a file that archc wrote from a network that computes something else.",
        ),
        click.option("--ema", is_flag=True, help="Take the averaged weights of a checkpoint."),
        click.option("--partial", is_flag=True, help="Load what fits; the rest starts fresh, from --seed."),
    ):  # fmt: skip
        command = option(command)
    return command


def load_weights(network: Network, path: Path, **how: Any) -> Weighted:
    """The weights in a file, by ``Network.load_weights``. Raises click.ClickException where they can't be."""
    from archc.backends.weights import WeightsError

    try:
        return network.load_weights(path, **how)
    except WeightsError as e:
        raise click.ClickException(str(e)) from e


def sizes_of(sizes: Sequence[tuple[str | None, list[int]]]) -> dict[str | None, list[int]]:
    """The sizes given by ``--input``, by input. Raises click.UsageError where they contradict."""
    names = [name for name, _ in sizes]
    if len(set(names)) != len(names) or (None in names and len(names) > 1):
        raise click.UsageError(
            "--input is given twice for one input; name them: --input image=3x96x96 --input depth=1x96x96"
        )
    return dict(sizes)


def input_of(sizes: Sequence[tuple[str | None, list[int]]]) -> Input | None:
    """The sizes given by ``--input``, as a spec writes ``input``. Raises click.UsageError where they contradict."""
    found = sizes_of(sizes)
    return found.get(None) or {name: size for name, size in found.items() if name is not None} or None


def params_of(settings: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """The values given by ``--set``. Raises click.UsageError where one is given twice."""
    params: dict[str, Any] = {}
    for key, value in settings:
        if key in params:
            raise click.UsageError(f"--set {key} is given twice")
        params[key] = value
    return params


def compile_network(
    spec: str, inputs: Sequence[tuple[str | None, list[int]]], settings: Sequence[tuple[str, Any]]
) -> Network:
    """The network that SPEC and the shared options ask for; warnings go to stderr.

    Raises CompileError and RequestError.
    """
    from archc.compiler import open_spec
    from archc.network import Network

    network = Network.of(*open_spec(spec), params_of(settings), input_of(inputs))
    show_diagnostics(network.warnings)
    return network


def show_diagnostics(diagnostics: Sequence[Diagnostic]) -> None:
    """Print them on stderr, in colour where it is a terminal."""
    if not diagnostics:
        return
    from archc.diagnostics.render import render, use_color

    click.echo(render(diagnostics, color=use_color(sys.stderr)).rstrip("\n"), err=True, color=True)
