"""``q4compile qat``: an ONNX model in, a trainable Python package out."""

from pathlib import Path
from time import perf_counter

import click

from q4compile.cli.options import debug_option, example, json_option, quiet_option
from q4compile.cli.records import keep, show_record

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(
    epilog=example(
        "q4compile qat model.q4.onnx -o model_qat/",
        "q4compile qat model.q4.onnx --weights model.onnx -o model_qat/",
    )
)
@click.argument("model", metavar="MODEL", type=FILE)
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="A new or empty folder.  [default: MODEL_qat beside MODEL]",
)
@click.option(
    "--weights",
    metavar="FLOAT.onnx",
    type=FILE,
    help="Start from the weights of the float model instead of the dequantized codes.",
)
@click.option("--force", is_flag=True, help="Write over the files of a package in FOLDER.")
@json_option
@quiet_option
@debug_option
def command(
    model: Path,
    output: Path | None,
    weights: Path | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write MODEL, quantized or float, as a package: readable torch code and its weights.

    The package holds one class per component, named as the ONNX file names things, and trains in
    any loop: `from model_qat import Model`. `absorb` brings what it learned back into MODEL. Beside
    the folder comes FOLDER.record.json.
    """
    from q4compile.qat.emit.files import emit_file

    started = perf_counter()
    done = emit_file(model, output, weights, force)
    figures = {**done.figures, "seconds": perf_counter() - started}
    inputs = [model, *([weights] if weights is not None else [])]
    record = keep("qat", inputs, figures, done.folder, {"files": list(done.package.files)})
    if as_json or not quiet:
        text = f"{done.folder}: {figures['parameters']} parameters, {figures['quantizers']} "
        show_record(record, as_json, f"{text}quantizers of activations")
