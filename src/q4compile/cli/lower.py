"""``q4compile lower``: a quantized model in, a program for an accelerator out."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import RenderableType
from rich.text import Text

from q4compile.cli.options import (
    cell_bits_option,
    debug_option,
    example,
    json_option,
    quiet_option,
)
from q4compile.cli.records import keep, show_record
from q4compile.cli.tables import heading, rendered, table
from q4compile.report.json_file import Json

if TYPE_CHECKING:
    from q4compile.lower.files import Written

BATCH = 32
PRECISIONS = ["fp16"]
PER_ENTRY = ("words", "macs_per_step")


@click.command(epilog=example("q4compile lower model.q4.onnx --target rapid1 -o model.q4p"))
@click.argument("model", metavar="MODEL", type=click.Path(path_type=Path))
@click.option(
    "--target",
    "target_name",
    metavar="NAME_OR_FILE",
    default="rapid1",
    show_default=True,
    help="What the program is for: a target file, or the name of a shipped one.",
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    help="Lower a float model, at this precision.  [default: by the codes of a quantized one]",
)
@cell_bits_option
@click.option(
    "--batch",
    type=click.IntRange(1, 4096),
    metavar="N",
    default=BATCH,
    show_default=True,
    help="The most sequences that one call may run; on-chip memory is shared out among them.",
)
@click.option(
    "--cores",
    type=click.IntRange(1, 64),
    metavar="N",
    help="How many cores of the target the program runs on.  [default: all]",
)
@click.option(
    "--code-weights",
    is_flag=True,
    help="Store weights losslessly coded where that makes them shorter; decoded as they load.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the program goes.  [default: MODEL.q4p beside MODEL]",
)
@json_option
@quiet_option
@debug_option
def command(
    model: Path,
    target_name: str,
    precision: str | None,
    cell_bits: int,
    batch: int,
    cores: int | None,
    code_weights: bool,
    output: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Lower MODEL, a quantized .onnx file or a folder of them, to instructions and data.

    With --precision fp16 MODEL is a float one, whose weights and values become halves.
    One program runs sequences of any length. Each component is an entry of it. Beside the program
    comes FILE.record.json.
    """
    from q4compile.isa.engine import Precision
    from q4compile.lower.files import lower_file
    from q4compile.lower.options import Options

    asked = None if precision is None else Precision[precision.upper()]
    options = Options(
        precision=asked,
        batch=batch,
        cores=cores,
        code_weights=code_weights,
        cell_bits=cell_bits,
    )
    done = lower_file(model, target_name, output, options)
    details: dict[str, Json] = {
        "target": done.program.target,
        "batch": batch,
        "cell_bits": cell_bits,
        "cores": done.program.cores,
        "code_weights": code_weights,
        "output": str(done.output),
    }
    record = keep("lower", [model], done.figures, done.output, details)
    if as_json or not quiet:
        show_record(record, as_json, rendered(_parts(done)).rstrip("\n"))


def _coded(figures: Mapping[str, float]) -> str:
    saved = int(figures["coding_saved_bytes"])
    share = f"{figures['coded_percent']:.0f} % of the data"
    return f"coded: {share}, {saved} bytes saved\n" if saved else ""


def _parts(done: "Written") -> list[RenderableType]:
    figures, program = done.figures, done.program
    names = [entry.name for entry in program.entries]
    rows = [[each, *(int(figures[f"{each}_{what}"]) for what in PER_ENTRY)] for each in names]
    sums = (
        f"{program.precision}, {int(figures['code_bytes'])} bytes of code,"
        f" {int(figures['data_bytes'])} bytes of data,"
        f" {figures['compression_ratio']:.2f} times less than its parameters in float32\n"
        f"{_coded(figures)}"
        f"on-chip memory: {int(figures['sram_peak_bytes'])} bytes at most,"
        f" {int(figures['sram_lower_bound_bytes'])} of them alive at one time\n"
        f"written to {done.output}, {figures['seconds']:.1f} s"
    )
    return [
        heading(f"{done.output.name} for {program.target}"),
        table(["entry", "words", "products per step"], rows, 2),
        Text(f"\n{sums}"),
    ]
