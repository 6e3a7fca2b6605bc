"""The options that several commands share, each spelled once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click


@dataclass
class Settings:
    """What was asked for anywhere on the command line, known to the program's last resort."""

    debug: bool = False


def example(*lines: str) -> str:
    """The end of a help text: an example that can be copied, kept as it is written."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def _set_debug(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    settings = ctx.find_object(Settings)
    if value and settings is not None:
        settings.debug = True


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"q4compile {version('q4compile')}")
        ctx.exit()


def _whole(ctx: click.Context, param: click.Parameter, value: str) -> int:
    return int(value)


debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_set_debug,
    help="Print the traceback of an error.",
)

version_option = click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Print the version.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")

output_option = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the result to FILE instead of printing it.",
)

recipe_option = click.option(
    "--recipe",
    "recipe_name",
    metavar="NAME_OR_FILE",
    default="rnnt.yaml",
    show_default=True,
    help="A recipe file, or the name of a shipped one.",
)

target_option = click.option(
    "--target",
    "target_name",
    metavar="NAME_OR_FILE",
    help="What the program is for.  [default: the shipped target that it names]",
)

cell_bits_option = click.option(
    "--cell-bits",
    type=click.Choice(["16", "32"]),
    default="16",
    show_default=True,
    callback=_whole,
    help="Of LSTM cells in integer programs: with 32 nearly all hypotheses are onnxruntime's, and"
    " what is added to the gates takes twice the memory.",
)

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="AN4 or LibriSpeech layout, or a manifest.  [default: bundled speech, test split]",
)

split_option = click.option(
    "--split", metavar="NAME", help="test, dev or train of AN4; a LibriSpeech folder."
)

quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")


def progress_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--quiet`` and ``--no-progress``; `command` gets `progress` (a Progress) and `quiet`."""

    @wraps(command)
    def with_progress(*args: Any, quiet: bool, no_progress: bool, **values: Any) -> Any:
        from q4compile.cli.bars import progress_for

        shown = not (quiet or no_progress)
        return command(*args, quiet=quiet, progress=progress_for(shown), **values)

    flag = click.option("--no-progress", is_flag=True, help="Draw no progress bars.")
    return quiet_option(flag(with_progress))
