"""Mistakes on the command line, in the one error shape (Q0xx, exit code 2)."""

import errno
from typing import ClassVar

import click

from q4compile.errors import USAGE, Finding, Q4Error, near

USUAL = "a command line as q4compile COMMAND --help shows it"


class UsageProblem(Q4Error):
    """The command line asks for something that does not exist (Q0xx)."""

    exit_code: ClassVar[int] = USAGE


def unknown_command(word: str, known: list[str]) -> UsageProblem:
    """Q001 for a command that does not exist, with the nearest one that does."""
    need = f"one of {', '.join(known)}"
    fix = near(word, known) or "q4compile --help"
    return UsageProblem(Finding("Q001", "unknown command", "q4compile", need, f"{word!r}", fix))


def from_click(error: click.UsageError) -> UsageProblem:
    """Q002 for an unknown option, Q003 for any other mistake that click has found."""
    context = error.ctx
    at = context.command_path if context is not None else "q4compile"
    if isinstance(error, click.NoSuchOption) and context is not None:
        params = context.command.get_params(context)
        known = [name for param in params for name in (*param.opts, *param.secondary_opts)]
        options = sorted(name for name in known if name.startswith("-"))
        fix = near(error.option_name, options) or f"{at} --help"
        need = f"one of {', '.join(options)}"
        return UsageProblem(Finding("Q002", "unknown option", at, need, error.option_name, fix))
    need = context.get_usage().removeprefix("Usage: ") if context is not None else USUAL
    got = " ".join(error.format_message().split()).rstrip(".")
    return UsageProblem(Finding("Q003", "wrong usage", at, need, got, f"{at} --help"))


def from_os(error: OSError) -> UsageProblem:
    """Q004 for a file that a command could not open."""
    at = str(error.filename) if error.filename is not None else "the operating system"
    got = error.strerror or str(error)
    fix = "check the spelling of the path" if error.errno == errno.ENOENT else None
    return UsageProblem(
        Finding("Q004", "a file cannot be opened", at, "a file this user may read", got, fix)
    )


EXTRAS = {
    "altair": "plot",
    "jiwer": "speech",
    "kaldi_native_fbank": "speech",
    "numba": "speech",
    "optuna": "tune",
    "soundfile": "speech",
    "torch": "speech",
    "vl_convert": "plot",
}


def from_import(error: ModuleNotFoundError) -> UsageProblem | None:
    """Q005 when a library of an optional extra is missing; None for any other module."""
    module = (error.name or "").partition(".")[0]
    if module not in EXTRAS:
        return None
    got = f"no module named {module!r}"
    fix = f"pip install 'q4compile[{EXTRAS[module]}]'"
    need = f"the extra {EXTRAS[module]!r}"
    return UsageProblem(
        Finding("Q005", "an optional library is missing", "this command", need, got, fix)
    )
