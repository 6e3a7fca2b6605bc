"""``q4compile sim`` without values: cycles of every entry, and of several precisions."""

from pathlib import Path

from q4compile.cli.precision_tables import precision_parts
from q4compile.cli.records import keep, show_record
from q4compile.cli.tables import rendered
from q4compile.cli.timing_tables import timing_parts
from q4compile.files import write_text
from q4compile.report.cycles_csv import cycles_csv
from q4compile.report.json_file import Json
from q4compile.report.record import new_record
from q4compile.runtime.time_program import sides_of, time_program
from q4compile.sim.scale_sim import Dataflow
from q4compile.sim.timing.comparison import comparison_figures
from q4compile.sim.timing.figures import details_of, figures_of


def time_entries(
    program: Path,
    entry: str | None,
    sizes: dict[str, int],
    dataflow: str | None,
    audio_seconds: float | None,
    output: Path | None,
    target_name: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """One call of each entry, or of one; `output` gets a CSV of nodes."""
    array = None if dataflow is None else Dataflow(dataflow.removeprefix("scalesim_"))
    timed = time_program(program, target_name, entry, sizes, array)
    details: dict[str, Json] = {
        "target": timed.target.name,
        "timing": [details_of(each) for each in timed.timings],
    }
    figures = figures_of(timed.timings, audio_seconds)
    record = new_record("sim", [program], figures, details)
    if output is not None:
        write_text(output, cycles_csv(timed.timings))
        record = keep("sim", [program], figures, output, details)
    if as_json or not quiet:
        shown = rendered(timing_parts(timed.timings, audio_seconds)).rstrip("\n")
        show_record(record, as_json, shown)


def compare_precision(
    programs: tuple[Path, ...],
    entry: str | None,
    sizes: dict[str, int],
    target_name: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """The same network at several precisions, side by side."""
    sides = sides_of(programs, target_name, entry, sizes)
    record = new_record("sim", list(programs), comparison_figures(sides))
    if as_json or not quiet:
        show_record(record, as_json, rendered(precision_parts(sides)).rstrip("\n"))
