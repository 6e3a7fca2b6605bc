"""Where a command's result and its warnings go."""

from collections.abc import Iterable
from pathlib import Path

import click

from q4compile.errors import Finding
from q4compile.files import write_text


def deliver(text: str, output: Path | None) -> None:
    """Print `text`, or write it to the file `output`, whole or not at all.

    Raises:
        OutputError: `output` cannot be written.
    """
    text = text.rstrip("\n") + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        write_text(output, text)


def warn(findings: Iterable[Finding]) -> None:
    """Print findings that stop nothing to stderr, a blank line after each."""
    for finding in findings:
        click.echo(f"{finding.render('warning')}\n", err=True)
