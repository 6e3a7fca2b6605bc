"""``q4compile roofline``: what limits each node, as a picture."""

from pathlib import Path

import click

from q4compile.cli.options import debug_option, example, json_option, quiet_option, target_option
from q4compile.cli.records import keep, show_record
from q4compile.cli.sizes import size_option


@click.command(
    epilog=example(
        "q4compile roofline model.q4p --size frames=500,labels=75,steps=90,batch=1 -o roofline.svg"
    )
)
@click.argument("program", metavar="PROGRAM", type=click.Path(path_type=Path))
@click.option("--entry", metavar="NAME", help="Only this component.")
@size_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    required=True,
    help="The picture: .png, .svg or .html.",
)
@target_option
@json_option
@quiet_option
@debug_option
def command(
    program: Path,
    entry: str | None,
    sizes: dict[str, int],
    output: Path,
    target_name: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Draw every node of PROGRAM with products on its target's roofline: MAC/s over MAC per byte of
    DRAM, as large as its share of the cycles, coloured by what limits it.
    """
    from q4compile.isa.engine import Precision
    from q4compile.report.pictures import picture_format, write_picture
    from q4compile.report.roofline import points_of, roof_of, roofline_chart
    from q4compile.runtime.time_program import time_program

    picture_format(output)
    timed = time_program(program, target_name, entry, sizes)
    points = points_of(timed.timings)
    precision = Precision[timed.program.precision.upper()]
    roof = roof_of(timed.target, precision, timed.program.cores)
    title = f"{timed.program.name} on {timed.target.name}"
    write_picture(roofline_chart(points, {timed.program.precision: roof}, title), output)
    figures = {
        "nodes": len(points),
        "peak_gmacs_per_second": roof.peak_gmacs_per_second,
        "dram_gigabytes_per_second": roof.gigabytes_per_second,
        "ridge_macs_per_byte": roof.ridge_macs_per_byte,
    }
    record = keep("roofline", [program], figures, output)
    if as_json or not quiet:
        show_record(record, as_json, f"{output}: {len(points)} nodes")
