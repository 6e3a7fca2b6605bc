"""``q4compile COMMAND``: finds the command, runs it, and turns every way to fail into an exit code.

0 ok    1 findings    2 usage    3 unsupported or broken input    4 our bug    130 interrupted
"""

import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

import click

from q4compile.cli import usage
from q4compile.cli.options import Settings, debug_option, example, version_option
from q4compile.cli.registry import COMMANDS
from q4compile.errors import BUG, OK, USAGE, Q4Error

INTERRUPTED, TERMINATED, PIPE_CLOSED = 130, 143, 141


class Commands(click.Group):
    """The group of all commands: none is imported before it is asked for, help included."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the registry."""
        return [entry.name for entry in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of `cmd_name` and return its command; None when there is none."""
        for entry in COMMANDS:
            if entry.name == cmd_name:
                command: click.Command = importlib.import_module(entry.module).command
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but an unknown name raises Q001 with the nearest known one."""
        known = self.list_commands(ctx)
        if args[0] not in known:
            raise usage.unknown_command(args[0], known)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The summaries of the registry, so that help imports no command."""
        with formatter.section("Commands"):
            formatter.write_dl([(entry.name, entry.summary) for entry in COMMANDS])

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> NoReturn:
        """Run and exit: every error becomes its rendered text on stderr and its exit code."""
        settings = Settings()
        options |= {"standalone_mode": False, "obj": settings}
        sys.exit(self.outcome(args, settings, *rest, **options))

    def outcome(
        self, args: Sequence[str] | None, settings: Settings, *rest: Any, **options: Any
    ) -> int:
        """The exit code of a run with the arguments `args`."""
        try:
            code = super().main(args, *rest, **options)
        except (click.Abort, KeyboardInterrupt):
            return INTERRUPTED
        except click.exceptions.NoArgsIsHelpError as request:
            click.echo(request.format_message(), err=True)
            return USAGE
        except Exception as error:
            return told(error, settings.debug)
        return code if isinstance(code, int) else OK

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader that stops listening (``| head``) ends it quietly."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(PIPE_CLOSED)


def told(error: Exception, debug: bool) -> int:
    """Print what `error` tells the user on stderr; return the exit code that goes with it."""
    if debug:
        traceback.print_exception(error)
    problem = as_problem(error)
    if problem is not None:
        click.echo(str(problem), err=True)
        return problem.exit_code
    click.echo(
        f"q4compile has a bug: {type(error).__name__}: {error}\n"
        "  run the same command with --debug and report the traceback it prints",
        err=True,
    )
    return BUG


def as_problem(error: Exception) -> Q4Error | None:
    """`error` in the shape that tells a user how to mend it, or None when only we can."""
    if isinstance(error, Q4Error):
        return error
    if isinstance(error, click.UsageError):
        return usage.from_click(error)
    if isinstance(error, OSError) and error.filename is not None:
        return usage.from_os(error)
    return usage.from_import(error) if isinstance(error, ModuleNotFoundError) else None


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=example("q4compile check out/*.record.json --gates gates.yaml"),
)
@version_option
@debug_option
def main() -> None:
    """Quantize a trained RNN-T to 4-bit weights and activations, and measure what it costs."""


def run() -> NoReturn:
    """The entry point of the program ``q4compile``."""
    # Read when numpy or torch load. More threads than free cores spin: a step takes 16x as long.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    signal.signal(signal.SIGTERM, _terminate)
    main(prog_name="q4compile")
    raise AssertionError("main always exits")


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    """Leave by an exception, so that half-written files are removed on the way out."""
    sys.exit(TERMINATED)
