"""``q4compile explain``: for every tensor, the rule that decided and those that declined."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text
from rich.tree import Tree

from q4compile.cli.calibration import Calibration, calib_option, limit_option
from q4compile.cli.options import (
    debug_option,
    example,
    json_option,
    output_option,
    progress_options,
    recipe_option,
)
from q4compile.cli.output import deliver, warn
from q4compile.cli.tables import rendered
from q4compile.progress import Progress

if TYPE_CHECKING:
    from q4compile.errors import Finding
    from q4compile.quantize.leftover import Leftover
    from q4compile.quantize.plan import Entry, Plan


@click.command(epilog=example("q4compile explain model.onnx --recipe rnnt --node '*/lstm/LSTM'"))
@click.argument("model", metavar="MODEL", type=click.Path(path_type=Path))
@recipe_option
@click.option("--node", metavar="GLOB", default="*", help="Only nodes whose name matches GLOB.")
@calib_option
@limit_option
@json_option
@output_option
@progress_options
@debug_option
def command(
    model: Path,
    recipe_name: str,
    node: str,
    calib_data: Path | None,
    calib_limit: int,
    as_json: bool,
    output: Path | None,
    quiet: bool,
    progress: Progress,
) -> None:
    """Say for each tensor of MODEL what the recipe makes of it, and why.

    With --calib, or when the recipe looks at statistics, ranges are shown too.
    """
    from q4compile.graph.read import read_models
    from q4compile.quantize.explain import by_node, explain
    from q4compile.quantize.files import unused_rules
    from q4compile.quantize.leftover import leftover, unquantized
    from q4compile.recipe.read_recipe import load_recipe

    recipe = load_recipe(recipe_name)
    calibration = Calibration(calib_data, calib_limit)
    plans: list[Plan] = []
    left: list[Leftover] = []
    warnings: list[Finding] = []
    for component, each in read_models(model).items():
        measured = calib_data is not None or recipe.needs_measured
        feeds = calibration.feeds(model, component, each.metadata_props) if measured else None
        plans.append(explain(each, recipe, feeds, component, progress))
        found = leftover(each, plans[-1])
        left += (one for one in found if fnmatchcase(one.node, node))
        warnings += unquantized(found, f"{model} ({component})" if model.is_dir() else str(model))
    nodes = by_node(plans, node)
    warn([*unused_rules(plans), *warnings])
    if not quiet or output is not None:
        deliver(_json(nodes, left) if as_json else _text(nodes, left, output is None), output)


def _json(nodes: Mapping[str, Sequence["Entry"]], left: Sequence["Leftover"]) -> str:
    from q4compile.quantize.explain import explained_row

    rows: list[dict[str, Any]] = [explained_row(each) for found in nodes.values() for each in found]
    found = {"tensors": rows, "unquantized": [asdict(each) for each in left]}
    return json.dumps(found, indent=2, ensure_ascii=False)


def _text(nodes: Mapping[str, Sequence["Entry"]], left: Sequence["Leftover"], printed: bool) -> str:
    trees = [_tree(node, entries) for node, entries in nodes.items()]
    return rendered(trees + [_left_tree(left)] * bool(left), printed)


def _left_tree(left: Sequence["Leftover"]) -> Tree:
    from q4compile.quantize.leftover import described

    tree = Tree(Text("not quantized: no rule is asked", style="bold"))
    for each in left:
        tree.add(Text(described(each)))
    return tree


def _tree(node: str, entries: Sequence["Entry"]) -> Tree:
    site = entries[0].site
    tree = Tree(Text(f"{node}  {site.op} in {site.component}", style="bold"))
    for entry in entries:
        branch = tree.add(Text(f"{entry.site.role}  {entry.site.value_name}  {entry.scheme}"))
        for line in _lines(entry):
            branch.add(Text(line))
    return tree


def _lines(entry: "Entry") -> list[str]:
    rule, lines = entry.decision.rule, []
    if rule is not None:
        why = f": {rule.why}" if rule.why else ""
        lines.append(f"rule {rule.name!r} ({rule.at}){why}")
    if entry.inherits is not None:
        lines.append(f"on the grid of {entry.inherits} already, so not quantized again")
    if entry.encoding is not None and entry.encoding.scales.size == 1:
        low, high = entry.encoding.clip
        lines.append(f"clip [{low:.6g}, {high:.6g}], zero point {entry.encoding.zero_point}")
    elif entry.encoding is not None:
        lines.append(f"{entry.encoding.scales.size} scales")
    if entry.seen is not None:
        lines.append(f"observed [{entry.seen[0]:.6g}, {entry.seen[1]:.6g}]")
    return lines + [f"not {each.name!r}: {why}" for each, why in entry.decision.declined]
