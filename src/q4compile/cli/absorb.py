"""``q4compile absorb``: what a package has learned, back into its ONNX model."""

from pathlib import Path

import click

from q4compile.cli.options import debug_option, example, json_option, quiet_option
from q4compile.cli.records import keep, show_record


@click.command(epilog=example("q4compile absorb model_qat/ model.q4.onnx -o trained.q4.onnx"))
@click.argument("package", metavar="PACKAGE", type=click.Path(path_type=Path))
@click.argument("model", metavar="MODEL", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the result goes.  [default: MODEL.trained.q4.onnx beside MODEL]",
)
@click.option(
    "--other-model",
    is_flag=True,
    help="Go by names and shapes alone: MODEL is not the file that PACKAGE was made from.",
)
@json_option
@quiet_option
@debug_option
def command(
    package: Path,
    model: Path,
    output: Path | None,
    other_model: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write MODEL with the weights, scales and zero points that PACKAGE has learned.

    PACKAGE is a folder that holds weights.safetensors, a package or a training run, or such a file.
    None of its code runs. Without training, the result holds the very numbers of MODEL. Beside it
    comes FILE.record.json.
    """
    from q4compile.quantize.absorb_files import absorb_file

    done = absorb_file(package, model, output, other_model)
    record = keep("absorb", [done.weights, model], done.figures, done.output)
    if as_json or not quiet:
        found = done.figures
        share = found.get("changed_codes_share")
        changed = f", {share:.1%} of the codes changed" if share is not None else ""
        ratio = f"compression {found['compression_ratio']:.2f}x"
        show_record(record, as_json, f"{done.output}: {ratio}{changed}")
