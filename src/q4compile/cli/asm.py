"""``q4compile asm``: a program from its text."""

from pathlib import Path

import click

from q4compile.cli.options import (
    debug_option,
    example,
    json_option,
    quiet_option,
    target_option,
)
from q4compile.cli.records import keep, show_record


@click.command(epilog=example("q4compile asm model.q4s -o model.q4p"))
@click.argument("source", metavar="TEXT", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the program goes.  [default: TEXT with the suffix .q4p]",
)
@target_option
@json_option
@quiet_option
@debug_option
def command(
    source: Path, output: Path | None, target_name: str | None, as_json: bool, quiet: bool
) -> None:
    """Assemble TEXT, as `q4compile dis -o` writes it, to a program.

    Of a text that dis has written and nobody has changed, it makes the very bytes that dis has
    read. Beside the program comes FILE.record.json.
    """
    from q4compile.isa.assemble import assemble_file
    from q4compile.isa.target import load_target

    target = None if target_name is None else load_target(target_name)
    done = assemble_file(source, output, target)
    record = keep("asm", [source], done.figures, done.output)
    if as_json or not quiet:
        found = done.figures
        text = f"{done.output}: {found['code_words']} words, {found['data_bytes']} bytes of data"
        show_record(record, as_json, text)
