"""``q4compile quantize``: float ONNX models in, 4-bit ONNX models out."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import RenderableType
from rich.text import Text

from q4compile.cli.calibration import Calibration, calib_option, limit_option
from q4compile.cli.options import (
    debug_option,
    example,
    json_option,
    progress_options,
    recipe_option,
)
from q4compile.cli.output import warn
from q4compile.cli.records import as_json_text, keep
from q4compile.cli.tables import heading, rendered, table
from q4compile.progress import Progress
from q4compile.report.record import Record

if TYPE_CHECKING:
    from q4compile.quantize.files import Written

WIDER = ("component", "role", "format", "rule", "why")
LEFT = ("node", "op", "tensor", "parameters")
MODEL = click.Path(path_type=Path)


@click.command(
    epilog=example(
        "q4compile quantize model.onnx --recipe rnnt.yaml",
        "q4compile quantize model.onnx lm.onnx --recipe rnnt --calib an4 -o quantized/",
    )
)
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=MODEL)
@recipe_option
@calib_option
@limit_option
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    type=click.Path(path_type=Path),
    help="A file, or for several models a folder.  [default: MODEL.q4.onnx beside MODEL]",
)
@click.option(
    "--form",
    type=click.Choice(["qdq", "exact"]),
    default="qdq",
    show_default=True,
    help="qdq: for every tool that reads ONNX; exact: integer products, faster.",
)
@click.option(
    "--pack-int2",
    is_flag=True,
    help="Keep 2-bit weights in 2 bits, not in 4: for tools that read opset 25.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Warnings are errors: rules that decide nothing, constants that stay float.",
)
@json_option
@progress_options
@debug_option
def command(
    models: tuple[Path, ...],
    recipe_name: str,
    calib_data: Path | None,
    calib_limit: int,
    output: Path | None,
    form: str,
    pack_int2: bool,
    strict: bool,
    as_json: bool,
    quiet: bool,
    progress: Progress,
) -> None:
    """Quantize each MODEL, an .onnx file or a folder of them, as the recipe says.

    The model runs over the calibration data once, to see the ranges of its tensors. Beside each
    result comes a record with the figures and, for every tensor, the rule that decided.
    """
    from q4compile.quantize.files import quantize_files, read_sources, unused_rules
    from q4compile.quantize.leftover import unquantized
    from q4compile.recipe.read_recipe import load_recipe

    recipe = load_recipe(recipe_name)
    calibration = Calibration(calib_data, calib_limit)
    sources = read_sources(models, output)
    feeds = calibration.feeds
    written = quantize_files(sources, recipe, feeds, form, strict, progress, pack_int2)
    warnings = unused_rules(each.plan for each in written)
    for each in written:
        warnings += unquantized(each.leftover, str(each.source.file))
    warn(warnings)
    records = [_record(each, form, calibration) for each in written]
    if as_json:
        click.echo(as_json_text(records))
    elif not quiet:
        click.echo(rendered([part for each in written for part in _parts(each)]), nl=False)


def _record(written: "Written", form: str, calibration: Calibration) -> Record:
    from q4compile.quantize.summary import plan_details

    source, plan = written.source, written.plan
    asked = {"form": form, "calibration": calibration.described(), "output": str(source.output)}
    details: dict[str, Any] = asked | plan_details(plan, written.leftover)
    return keep(
        "quantize", [source.file, plan.recipe.file], written.figures, source.output, details
    )


def _parts(written: "Written") -> list[RenderableType]:
    from q4compile.quantize.summary import above_four_bits, weights_by_format

    by_format = weights_by_format(written.plan)
    formats = sorted({name for found in by_format.values() for name in found})
    rows = [[name, *(found.get(each, 0) for each in formats)] for name, found in by_format.items()]
    wide = [
        [each.component, each.role, each.format, each.rule, each.why, each.tensors, each.elements]
        for each in above_four_bits(written.plan)
    ]
    return [
        heading(f"{written.source.file}: parameters by format"),
        table(["component", *formats], rows, len(formats)),
        heading("\nabove 4 bits"),
        table([*WIDER, "tensors", "parameters"], wide, 2),
        *_left_parts(written),
        Text(f"\n{_sums(written)}\n"),
    ]


def _left_parts(written: "Written") -> list[RenderableType]:
    found = written.leftover
    rows = [[each.node, each.op, each.tensor, each.elements] for each in found]
    if not rows:
        return []
    return [heading("\nnot quantized: no rule is asked"), table(LEFT, rows, 1)]


def _packed(figures: Mapping[str, float]) -> list[str]:
    """What the file would be with codes of 2 and 3 bits at their own widths, if that differs."""
    if figures["packed_bytes"] == figures["data_bytes"]:
        return []
    ratio = figures["packed_compression_ratio"]
    return [f"compression {ratio:.2f}x with every code at its own width"]


def _sums(written: "Written") -> str:
    figures = written.figures
    share = figures.get("lstm_int4_share")
    lines = [f"LSTM weights at 4 bits: {100 * share:.1f} %"] if share is not None else []
    lines += [
        f"compression {figures['compression_ratio']:.2f}x: {figures['float32_parameter_bytes']}"
        f" bytes of float32 parameters in {figures['data_bytes']} bytes of constants",
        *_packed(figures),
        f"written to {written.source.output}: {figures['file_bytes']} bytes,"
        f" {figures['seconds']:.1f} s",
    ]
    return "\n".join(lines)
