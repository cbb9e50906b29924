"""The command line. Commands are thin and stand in one file each; what they need is imported when they run."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, NoReturn

import click

from archc.cli.failures import BAD_INPUT, BROKEN_PIPE, INTERRUPTED, code_of, explain
from archc.version import __version__

# Command → its one line in `archc --help`; the command itself is `command` in the module of that name.
COMMANDS = {
    "summarize": "Show a network layer by layer, with its shapes and costs.",
    "build": "Write a network as PyTorch source or as ONNX.",
    "weights": "Show what a file of weights would load into a network.",
    "run": "Run an ONNX model on images, and show what it says of them.",
    "doctor": "Show what this machine can run models on, and what mends it.",
    "diff": "Show what differs between two networks, and which weights carry over.",
    "check": "Compile every variant of every spec, and test what it expects.",
    "verify": "Compare all that is made of a network: module, source, and ONNX in every profile.",
    "bundle": "Write ONNX models as Triton Inference Server loads them.",
    "bench": "Measure how fast a network runs, beside others and the machine's limit.",
    "tune": "Find the fastest options for a model on this machine, and keep them beside it.",
    "recover": "Give back the spec that an ONNX model was made of.",
    "list": "List the networks of the library.",
    "expand": "Write a network as a spec in which every value is resolved.",
}


class _ReaderGoneError(Exception):
    """What reads our output has gone."""


@contextmanager
def _watched() -> Generator[None, None, None]:
    """A broken pipe as an exception of ours: click would end the process with 1, as if a check had failed."""
    try:
        yield
    except BrokenPipeError as e:
        raise _ReaderGoneError from e


class Commands(click.Group):
    """Imports a command when it is wanted."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _watched():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _watched():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return import_module(f"archc.cli.{cmd_name}").command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from archc.diagnostics.errors.suggest import closest

            near = closest(args[0], COMMANDS)
            ctx.fail(f"There is no command {args[0]!r}." + (f" Did you mean {near!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="archc", message="%(prog)s %(version)s")
def group() -> None:
    """A compiler for convolutional networks: from a YAML spec to tables, PyTorch and ONNX.

    SPEC is a file (net.yaml), one variant of a file (net.yaml:small), a network of the library (resnet50), or a file at
    a git revision (HEAD~1:net.yaml:small).
    """


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0, 1 where a check failed, 2 bad input, 3 no such device, 130 on Ctrl-C."""
    sys.exit(run(args))


def run(args: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code, 141 where what reads our output has gone."""
    _open_streams()
    try:
        return _run(args)
    except (BrokenPipeError, _ReaderGoneError):
        _silence()
        return BROKEN_PIPE


def _run(args: Sequence[str] | None) -> int:
    try:
        code = group.main(args, prog_name="archc", standalone_mode=False) or 0
        sys.stdout.flush()
        return code
    except click.exceptions.Exit as e:
        return e.exit_code
    except click.UsageError as e:
        e.show()
        return BAD_INPUT
    except click.ClickException as e:
        click.echo(f"error: {e.format_message()}", err=True)
        return BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except (BrokenPipeError, _ReaderGoneError):
        raise
    except Exception as e:
        message = explain(e)
        if message is None:
            raise
        click.echo(message, err=True, color=True)
        return code_of(e)


def _open_streams() -> None:
    """Where the caller closed stdout or stderr, Python has None for it, and what is written goes nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - as long as the process


def _silence() -> None:
    """Send what is not written yet nowhere: Python would complain again when it flushes at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            os.dup2(nowhere, stream.fileno())
