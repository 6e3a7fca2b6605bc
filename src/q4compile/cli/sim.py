"""``q4compile sim``: a program on the simulated accelerator."""

from pathlib import Path

import click

from q4compile.cli.options import (
    debug_option,
    example,
    json_option,
    quiet_option,
    target_option,
)
from q4compile.cli.sizes import size_option


@click.command(
    epilog=example(
        "q4compile sim model.q4p --input utterance.npz -o outputs.npz",
        "q4compile sim model.q4p --input utterance.npz --compare model.q4.onnx",
        "q4compile sim model.q4p --timing-only --size frames=500,labels=75,batch=1 -o cycles.csv",
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
    help="The component to run.  [default: the one that takes the arrays; all of them for"
    " --timing-only]",
)
@click.option(
    "--timing-only", is_flag=True, help="Cycles of one call of each entry, without any values."
)
@click.option(
    "--array",
    "dataflow",
    type=click.Choice(["scalesim_os", "scalesim_ws", "scalesim_is"]),
    help="With --timing-only: time products as SCALE-Sim does in that dataflow, on an array of the"
    " target's size.",
)
@click.option(
    "--compare-precision",
    is_flag=True,
    help="Time several programs of the same network, and say where the ratio comes from.",
)
@size_option
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
    help="Write the outputs to FILE, an .npz archive (with --timing-only the cycles of each node, a"
    " .csv), and FILE.record.json.",
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
    dataflow: str | None,
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
        from q4compile.cli.sim_timing import compare_precision as compare

        compare(programs, entry, sizes, target_name, as_json, quiet)
        return
    if len(programs) != 1:
        raise click.UsageError("one PROGRAM, or --compare-precision")
    if timing_only:
        from q4compile.cli.sim_timing import time_entries

        where = programs[0], entry, sizes, dataflow, audio_seconds, output
        time_entries(*where, target_name, as_json, quiet)
        return
    if dataflow is not None:
        raise click.UsageError("--array is for --timing-only")
    if feed is None:
        raise click.UsageError("--input FILE, or --timing-only with --size")
    from q4compile.cli.sim_values import Run, run_with_values

    comparing = model, tolerance, seed, check_races
    asked = Run(programs[0], feed, entry, audio_seconds, output, *comparing, target_name)
    run_with_values(asked, as_json, quiet)
