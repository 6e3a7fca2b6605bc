"""``q4compile sim``: a program on the simulated accelerator."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from q4compile.cli.options import (
    debug_option,
    example,
    json_option,
    quiet_option,
    target_option,
)
from q4compile.cli.records import keep, show_record
from q4compile.cli.sizes import SizesParameter
from q4compile.report.json_file import Json
from q4compile.report.record import new_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from q4compile.runtime.compare import Compared
    from q4compile.runtime.compare_floats import Near
    from q4compile.runtime.run_program import Opened
    from q4compile.sim.simulator import Result
    from q4compile.sim.timing.result import Timing


@click.command(
    epilog=example(
        "q4compile sim model.q4p --entry encoder --input utterance.npz -o outputs.npz",
        "q4compile sim model.q4p --entry encoder --input utterance.npz --compare model.q4.onnx",
        "q4compile sim model.q4p --timing-only --size frames=500,labels=75,batch=1",
        "q4compile sim --compare-precision fp16.q4p int4.q4p --size frames=500,labels=75,batch=1",
    )
)
@click.argument(
    "programs", metavar="PROGRAM...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--input",
    "feed",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="An .npz archive with an array for each input.",
)
@click.option(
    "--entry",
    metavar="NAME",
    help="The component to run.  [default: the only one; all of them for --timing-only]",
)
@click.option(
    "--timing-only", is_flag=True, help="Cycles of one call of each entry, without any values."
)
@click.option(
    "--compare-precision",
    is_flag=True,
    help="Time several programs of the same network, and say where the ratio comes from.",
)
@click.option(
    "--size",
    "sizes",
    type=SizesParameter(),
    default={},
    metavar="NAME=N,...",
    help="Sizes to time: the dimensions of the entries.",
)
@click.option(
    "--audio-seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="How much sound these sizes are, for the real-time factor.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the outputs to FILE, an .npz archive, and FILE.record.json.",
)
@click.option(
    "--compare",
    "model",
    type=click.Path(path_type=Path),
    metavar="MODEL",
    help="Compare with MODEL in exact integers, and under onnxruntime.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    metavar="SHARE",
    default=0.01,
    show_default=True,
    help="For programs in fp16: the difference from MODEL that is allowed, as a share of the"
    " largest magnitude in the output.",
)
@click.option(
    "--seed", type=int, metavar="N", help="Run the engines in a random legal order, drawn by N."
)
@click.option("--check-races", is_flag=True, help="Stop at two unordered words that share a byte.")
@target_option
@json_option
@quiet_option
@debug_option
def command(
    programs: tuple[Path, ...],
    feed: Path | None,
    entry: str | None,
    timing_only: bool,
    compare_precision: bool,
    sizes: dict[str, int],
    audio_seconds: float | None,
    output: Path | None,
    model: Path | None,
    tolerance: float,
    seed: int | None,
    check_races: bool,
    target_name: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run an entry of PROGRAM on the arrays of FILE, bit for bit as the accelerator would.

    How many cycles that takes, and why, is told in any case; with --timing-only nothing else, for
    any --size.

    With --compare, every output and every value between two nodes that lies in DRAM is compared, in
    the order of execution; exit code 1 and the first that differs if a single code is not that of
    MODEL in exact integers. How many differ from onnxruntime, which computes in float32 between
    the codes, is told, and where they first lie more than a rounding apart. A program in fp16 is
    compared with its float MODEL under onnxruntime alone, within --tolerance.
    """
    if compare_precision:
        _compare_precision(programs, entry, sizes, target_name, as_json, quiet)
        return
    if len(programs) != 1:
        raise click.UsageError("one PROGRAM, or --compare-precision")
    if timing_only:
        _time(programs[0], entry, sizes, audio_seconds, target_name, as_json, quiet)
        return
    if feed is None:
        raise click.UsageError("--input FILE, or --timing-only with --size")
    _run(
        *(programs[0], feed, entry, audio_seconds, output, model, tolerance, seed, check_races),
        *(target_name, as_json, quiet),
    )


def _run(
    program: Path,
    feed: Path,
    entry: str | None,
    audio_seconds: float | None,
    output: Path | None,
    model: Path | None,
    tolerance: float,
    seed: int | None,
    check_races: bool,
    target_name: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    from q4compile.cli.tables import rendered
    from q4compile.cli.timing_tables import timing_parts
    from q4compile.files import replacing
    from q4compile.runtime.compare import compare, require_equal
    from q4compile.runtime.compare_floats import compare_floats, is_float, require_near
    from q4compile.runtime.run_program import open_program, write_arrays
    from q4compile.sim.timing.figures import details_of, figures_of

    opened = open_program(program, target_name, feed, entry)
    done = opened.simulator.run(
        opened.entry.name,
        opened.feeds,
        seed=seed,
        check_races=check_races,
        record=model is not None,
    )
    timing = _timing(opened, done)
    if output is not None:
        with replacing(output) as temporary:
            write_arrays(temporary, done.outputs)
    compared: list[Compared] = []
    near: list[Near] = []
    if model is not None and is_float(opened.entry):
        near = compare_floats(model, opened.entry, opened.feeds, done.outputs)
    elif model is not None:
        sources = opened.simulator.program, opened.entry, opened.feeds
        compared = compare(model, *sources, done)
    figures = figures_of([timing], audio_seconds) | _figures(done, compared, near)
    details: dict[str, Json] = {
        "entry": opened.entry.name,
        "target": opened.target.name,
        "timing": details_of(timing),
    }
    inputs = [program, feed] + ([model] if model is not None else [])
    made = new_record("sim", inputs, figures, details)
    record = made if output is None else keep("sim", inputs, figures, output, details)
    if as_json or not quiet:
        shown = rendered(timing_parts([timing], audio_seconds)).rstrip("\n")
        show_record(record, as_json, f"{_text(done, compared, near)}\n\n{shown}")
    require_equal(compared, opened.entry.name)
    require_near(near, tolerance, opened.entry.name)


def _timing(opened: "Opened", done: "Result") -> "Timing":
    """Of the run that was done: both ways count the same words and bytes."""
    from q4compile.sim.inputs import dimensions_of
    from q4compile.sim.timing.entry_timing import time_entry
    from q4compile.sim.timing.self_checks import require_same_counts

    program, entry = opened.simulator.program, opened.entry
    sizes = dimensions_of(entry, opened.feeds, program.name)
    timing = time_entry(program, entry.name, sizes, opened.target)
    require_same_counts(timing, done.counters)
    return timing


def _time(
    program: Path,
    entry: str | None,
    sizes: dict[str, int],
    audio_seconds: float | None,
    target_name: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    from q4compile.cli.tables import rendered
    from q4compile.cli.timing_tables import timing_parts
    from q4compile.runtime.time_program import time_program
    from q4compile.sim.timing.figures import details_of, figures_of

    timed = time_program(program, target_name, entry, sizes)
    details: dict[str, Json] = {
        "target": timed.target.name,
        "timing": [details_of(each) for each in timed.timings],
    }
    record = new_record("sim", [program], figures_of(timed.timings, audio_seconds), details)
    if as_json or not quiet:
        shown = rendered(timing_parts(timed.timings, audio_seconds)).rstrip("\n")
        show_record(record, as_json, shown)


def _compare_precision(
    programs: tuple[Path, ...],
    entry: str | None,
    sizes: dict[str, int],
    target_name: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    from q4compile.cli.precision_tables import precision_parts
    from q4compile.cli.tables import rendered
    from q4compile.runtime.time_program import sides_of
    from q4compile.sim.timing.comparison import comparison_figures

    sides = sides_of(programs, target_name, entry, sizes)
    record = new_record("sim", list(programs), comparison_figures(sides))
    if as_json or not quiet:
        show_record(record, as_json, rendered(precision_parts(sides)).rstrip("\n"))


def _figures(done: "Result", compared: "list[Compared]", near: "list[Near]") -> dict[str, float]:
    counters = done.counters
    found: dict[str, float] = {f"words_{name}": count for name, count in counters.words.items()}
    found["macs"] = counters.macs
    found["dram_read_bytes"] = counters.loaded_bytes
    found["dram_written_bytes"] = counters.stored_bytes
    found["clipped_cell_states"] = counters.clipped_cell_states
    if compared:
        found["tensors_compared"] = len(compared)
        found["codes_compared"] = sum(each.codes for each in compared)
        apart = [each.oracle.count for each in compared if each.oracle is not None]
        found["codes_different"] = sum(apart)
        outputs = [each for each in compared if each.is_output]
        other = [each.onnxruntime.count for each in outputs if each.onnxruntime is not None]
        found["code_mismatch_share"] = sum(other) / max(sum(each.codes for each in outputs), 1)
    if near:
        found["numbers_compared"] = sum(each.numbers for each in near)
        found["largest_difference_share"] = max(each.difference for each in near)
    return found


def _text(done: "Result", compared: "list[Compared]", near: "list[Near]") -> str:
    counters = done.counters
    words = ", ".join(f"{name} {count}" for name, count in counters.words.items())
    lines = [
        *(f"{name}  {list(array.shape)}" for name, array in done.outputs.items()),
        f"words: {words}",
        f"{counters.macs} multiply-accumulates, {counters.loaded_bytes} bytes read from DRAM,"
        f" {counters.stored_bytes} written",
    ]
    return "\n".join([*lines, *_compared_lines(compared)])


def _compared_lines(compared: "list[Compared]") -> "Iterator[str]":
    """How each value compares, and where onnxruntime first is more than a rounding away."""
    from q4compile.runtime.compare import described

    for each in compared:
        exact = each.oracle.count if each.oracle is not None else 0
        other = each.onnxruntime.count if each.onnxruntime is not None else 0
        yield (
            f"{each.name}: {exact} of {each.codes} codes differ from exact integers, {other} from"
            " onnxruntime"
        )
    for each in compared:
        if each.beyond_rounding is not None:
            told = described(each.beyond_rounding, each.codes)
            yield f"first more than a rounding from onnxruntime: {each.name} of {each.node}, {told}"
            return
