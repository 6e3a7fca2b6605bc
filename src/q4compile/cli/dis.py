"""``q4compile dis``: a program as text."""

import json
from pathlib import Path

import click

from q4compile.cli.options import debug_option, example, json_option, output_option, target_option
from q4compile.cli.output import deliver


@click.command(epilog=example("q4compile dis model.q4p", "q4compile dis model.q4p -o model.q4s"))
@click.argument("program", metavar="PROGRAM", type=click.Path(path_type=Path))
@output_option
@target_option
@json_option
@debug_option
def command(program: Path, output: Path | None, target_name: str | None, as_json: bool) -> None:
    """Show the entries, ports and instructions of PROGRAM, loops indented.

    Printed it leaves out the data, and the META that --json shows; the FILE of -o holds all of it,
    for `q4compile asm`.
    """
    from q4compile.isa.container import read_program
    from q4compile.isa.json_shape import to_json
    from q4compile.isa.meta import meta_of
    from q4compile.isa.program_text import render_listing, render_text
    from q4compile.isa.target import load_target

    target = None if target_name is None else load_target(target_name)
    found = read_program(program, target)
    if as_json:
        deliver(json.dumps(to_json(meta_of(found)), indent=2, ensure_ascii=False), output)
    else:
        deliver(render_listing(found) if output is None else render_text(found), output)
