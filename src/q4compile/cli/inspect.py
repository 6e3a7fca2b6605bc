"""``q4compile inspect``: what models are made of, and in how many bits it is stored."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import RenderableType
from rich.text import Text

from q4compile.cli.options import debug_option, example, json_option, output_option
from q4compile.cli.output import deliver
from q4compile.cli.tables import heading, rendered, table

if TYPE_CHECKING:
    from q4compile.graph.inspect import ComponentInspection, Inspection, Port

COMPONENTS = ("component", "inputs", "outputs", "nodes", "parameters", "bytes")
LAYERS = ("component", "node", "kind", "directions", "hidden")


@click.command(epilog=example("q4compile inspect model.q4.onnx"))
@click.argument(
    "models", metavar="MODEL...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@json_option
@output_option
@debug_option
def command(models: tuple[Path, ...], as_json: bool, output: Path | None) -> None:
    """Show the components, layers, parameters and bits of each MODEL: a file or a folder.

    Float models, quantized ones, and those that other tools have quantized.
    """
    from q4compile.graph.inspect import inspect
    from q4compile.graph.read import read_models

    found: dict[str, Inspection] = {}
    for path in models:
        for component, model in read_models(path).items():
            name = f"{path}" if not path.is_dir() else f"{path}: {component}"
            found[name] = inspect(model, component)
    if as_json:
        rows = {name: asdict(each) for name, each in found.items()}
        deliver(json.dumps(rows, indent=2, ensure_ascii=False), output)
        return
    parts = [part for name, each in found.items() for part in _parts(name, each)]
    deliver(rendered(parts, output is None), output)


def _parts(name: str, found: "Inspection") -> list[RenderableType]:
    layers = [
        [part.name, each.node, each.kind, each.directions, each.hidden_size]
        for part in found.components
        for each in part.recurrent
    ]
    share = found.lstm_int4_share
    parts: list[RenderableType] = [
        heading(name),
        table(COMPONENTS, [_row(part) for part in found.components]),
    ]
    if layers:
        parts += [Text(), table(LAYERS, layers, 2)]
    sums = f"\n{found.parameters} parameters, {found.parameter_bytes_as_float32} bytes as float32;"
    parts.append(Text(f"{sums} {found.stored_bytes} bytes stored"))
    if share is not None:
        kinds = _counts(found.lstm_elements_by_dtype)
        parts.append(Text(f"recurrent weights at 4 bits: {100 * share:.1f} % ({kinds})"))
    return [*parts, Text()]


def _row(part: "ComponentInspection") -> list[str]:
    return [
        part.name,
        "\n".join(map(_port, part.inputs)),
        "\n".join(map(_port, part.outputs)),
        _counts(part.nodes_by_op),
        _counts(part.parameters_by_dtype),
        _counts(part.bytes_by_dtype),
    ]


def _port(port: "Port") -> str:
    axes = (
        "?" if port.shape is None else ", ".join("?" if a is None else str(a) for a in port.shape)
    )
    return f"{port.name} {port.dtype.lower()}[{axes}]"


def _counts(found: Mapping[str, int]) -> str:
    return "\n".join(f"{name} {count}" for name, count in found.items())
