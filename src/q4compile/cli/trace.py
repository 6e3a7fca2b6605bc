"""``q4compile trace``: what each engine does when, for a trace viewer or as a picture."""

from pathlib import Path

import click

from q4compile.cli.options import debug_option, example, json_option, quiet_option, target_option
from q4compile.cli.records import keep, show_record
from q4compile.cli.sizes import size_option

USUAL_WORDS = 100_000
USUAL_CYCLES = (0, 20_000)


@click.command(
    epilog=example(
        "q4compile trace model.q4p --entry encoder --size frames=100,batch=1 -o encoder.json",
        "q4compile trace model.q4p --entry encoder --size frames=100,batch=1 -o encoder.svg",
    )
)
@click.argument("program", metavar="PROGRAM", type=click.Path(path_type=Path))
@click.option("--entry", metavar="NAME", help="The component to run.  [default: the only one]")
@size_option
@click.option(
    "--max-words",
    type=click.IntRange(1, 5_000_000),
    default=USUAL_WORDS,
    show_default=True,
    metavar="N",
    help="Words in the trace; how many follow them is told.",
)
@click.option(
    "--cycles",
    type=int,
    nargs=2,
    default=USUAL_CYCLES,
    show_default=True,
    metavar="FIRST LAST",
    help="What a picture shows.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    required=True,
    help="A .json for ui.perfetto.dev or chrome://tracing, or a picture: .png, .svg, .html.",
)
@target_option
@json_option
@quiet_option
@debug_option
def command(
    program: Path,
    entry: str | None,
    sizes: dict[str, int],
    max_words: int,
    cycles: tuple[int, int],
    output: Path,
    target_name: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write one call of an entry of PROGRAM as a trace: a track for each engine of each core, with
    the node and the instruction of every word, and counters of SRAM in use and DRAM rate.
    """
    from q4compile.files import write_text
    from q4compile.report.chrome_trace import chrome_trace
    from q4compile.report.pictures import picture_format, write_picture
    from q4compile.report.timeline import timeline_chart
    from q4compile.runtime.run_program import entry_of, open_verified
    from q4compile.sim.timing.trace import trace_entry

    is_picture = output.suffix.lower() != ".json"
    if is_picture:
        picture_format(output)
    if not 0 <= cycles[0] < cycles[1]:
        raise click.BadParameter(f"{cycles[0]} {cycles[1]} is no stretch of time: FIRST < LAST")
    opened, target = open_verified(program, target_name)
    chosen = entry_of(opened, entry, program)
    trace = trace_entry(opened, chosen.name, sizes, target, max_words)
    if is_picture:
        write_picture(timeline_chart(trace, *cycles), output)
    else:
        write_text(output, chrome_trace(trace))
    figures = {
        "cycles_total": trace.cycles,
        "words_traced": len(trace.spans),
        "words_dropped": trace.dropped,
    }
    record = keep("trace", [program], figures, output, {"entry": chosen.name})
    if as_json or not quiet:
        dropped = f"; {trace.dropped} words behind them dropped" if trace.dropped else ""
        text = f"{output}: {len(trace.spans)} words of {trace.cycles} cycles{dropped}"
        show_record(record, as_json, text)
