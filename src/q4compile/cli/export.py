"""``q4compile export``: a trained network as one ONNX file."""

from dataclasses import asdict
from pathlib import Path

import click

from q4compile.cli.options import debug_option, example, json_option, quiet_option
from q4compile.cli.records import keep, show_record


@click.command(epilog=example("q4compile export small -o model.onnx"))
@click.argument("checkpoint", metavar="CHECKPOINT")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the model goes.  [default: CHECKPOINT with .onnx, in this folder]",
)
@json_option
@quiet_option
@debug_option
def command(checkpoint: str, output: Path | None, as_json: bool, quiet: bool) -> None:
    """Write CHECKPOINT, a file or the bundled `small` or `lm`, as an ONNX model.

    Batch, time and label axes are free. The file is compared with torch under onnxruntime at other
    sizes before it takes its place. Beside it comes FILE.record.json.
    """
    from q4compile.speech.checkpoint import load_checkpoint, shipped
    from q4compile.speech.export import export

    source = shipped(checkpoint)
    path = output or Path(f"{source.stem}.onnx")
    done = export(load_checkpoint(source), path)
    record = keep("export", [source], asdict(done), path)
    if as_json or not quiet:
        text = f"{path}: {done.parameters} parameters, {done.file_bytes} bytes"
        show_record(record, as_json, f"{text}, logits within {done.max_abs_error:.1g} of torch")
