"""Where a command's result goes."""

from pathlib import Path

import click

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
