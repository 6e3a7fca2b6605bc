"""``q4compile sim`` with inputs: values and cycles, and how they compare with the model."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from q4compile.cli.records import keep, show_record
from q4compile.cli.tables import rendered
from q4compile.cli.timing_tables import timing_parts
from q4compile.files import replacing
from q4compile.report.json_file import Json
from q4compile.report.record import new_record

if TYPE_CHECKING:
    from q4compile.runtime.compare import Compared
    from q4compile.runtime.compare_floats import Near
    from q4compile.runtime.run_program import Opened
    from q4compile.sim.simulator import Result
    from q4compile.sim.timing.result import Timing


@dataclass(frozen=True)
class Run:
    """What is asked of a run with values."""

    program: Path
    feed: Path
    entry: str | None
    audio_seconds: float | None
    output: Path | None
    model: Path | None
    """To compare with."""
    tolerance: float
    seed: int | None
    check_races: bool
    target_name: str | None


def run_with_values(asked: Run, as_json: bool, quiet: bool) -> None:
    """Run, write, compare and show."""
    from q4compile.runtime.compare import require_equal
    from q4compile.runtime.compare_floats import require_near
    from q4compile.runtime.run_program import open_program, write_arrays
    from q4compile.sim.timing.figures import details_of, figures_of

    opened = open_program(asked.program, asked.target_name, asked.feed, asked.entry)
    done = opened.simulator.run(
        opened.entry.name,
        opened.feeds,
        seed=asked.seed,
        check_races=asked.check_races,
        record=asked.model is not None,
    )
    timing = _timing(opened, done)
    if asked.output is not None:
        with replacing(asked.output) as temporary:
            write_arrays(temporary, done.outputs)
    compared, near = _compared(asked.model, opened, done)
    figures = figures_of([timing], asked.audio_seconds) | _figures(done, compared, near)
    details: dict[str, Json] = {
        "entry": opened.entry.name,
        "target": opened.target.name,
        "timing": details_of(timing),
    }
    inputs = [asked.program, asked.feed, *([asked.model] if asked.model is not None else [])]
    record = new_record("sim", inputs, figures, details)
    if asked.output is not None:
        record = keep("sim", inputs, figures, asked.output, details)
    if as_json or not quiet:
        shown = rendered(timing_parts([timing], asked.audio_seconds)).rstrip("\n")
        show_record(record, as_json, f"{_text(done, compared, near)}\n\n{shown}")
    require_equal(compared, opened.entry.name)
    require_near(near, asked.tolerance, opened.entry.name)


def _compared(
    model: Path | None, opened: "Opened", done: "Result"
) -> "tuple[list[Compared], list[Near]]":
    """With a quantized model code by code, with a float one number by number."""
    from q4compile.runtime.compare import compare
    from q4compile.runtime.compare_floats import compare_floats, is_float

    if model is None:
        return [], []
    if is_float(opened.entry):
        return [], compare_floats(model, opened.entry, opened.feeds, done.outputs)
    return compare(model, opened.simulator.program, opened.entry, opened.feeds, done), []


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
    lines += [
        f"{each.name}: {each.numbers} numbers, the largest difference from onnxruntime is"
        f" {each.difference:.2e} of the largest magnitude"
        for each in near
    ]
    return "\n".join([*lines, *_compared_lines(compared)])


def _compared_lines(compared: "list[Compared]") -> Iterator[str]:
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
