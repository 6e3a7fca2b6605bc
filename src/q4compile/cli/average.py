"""``q4compile average``: several training runs in, the mean of their weights out."""

from pathlib import Path

import click

from q4compile.cli.options import debug_option, example, json_option, quiet_option
from q4compile.cli.records import keep, show_record


@click.command(
    epilog=example(
        "q4compile average model_qat runs/0 runs/1 runs/2 -o runs/mean.safetensors",
        "q4compile absorb runs/mean.safetensors model.q4.onnx -o trained.q4.onnx",
    )
)
@click.argument("package", type=click.Path(path_type=Path, file_okay=False))
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the mean goes: a .safetensors file, which absorb reads.",
)
@json_option
@quiet_option
@debug_option
def command(
    package: Path, runs: tuple[Path, ...], output: Path, as_json: bool, quiet: bool
) -> None:
    """Write the mean of the weights and scales of training runs of PACKAGE.

    A RUN is a folder that finetune filled, or its weights.safetensors. Runs that began at the same
    weights and differ by their --seed lie close together. Their mean is one network, as small and
    as fast as any of them, and often better; at few bits, train it a little further. Beside it
    comes FILE.record.json.
    """
    from q4compile.qat.average import average_file

    done = average_file(package, runs, output)
    record = keep("average", done.runs, done.figures, output)
    if as_json or not quiet:
        apart = f"{done.figures['spread_share']:.1%} of its size"
        show_record(record, as_json, f"{output}: mean of {len(runs)} runs that lie {apart} from it")
