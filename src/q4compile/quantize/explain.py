"""Why each tensor gets the scheme it gets: the rule that decided, and those that declined."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import onnx_ir as ir

from q4compile.errors import Finding, ModelError, near, raise_all
from q4compile.graph.components import components
from q4compile.graph.lineage import quantized_once
from q4compile.graph.sites import sites
from q4compile.progress import Progress, quiet
from q4compile.quantize.feeds import Feed
from q4compile.quantize.float_types import already_quantized
from q4compile.quantize.plan import Entry, Plan, make_plan
from q4compile.quantize.quantize import plan_for
from q4compile.quantize.summary import plan_row
from q4compile.recipe.recipe import Recipe


def explain(
    model: ir.Model,
    recipe: Recipe,
    feeds: Iterable[Feed] | None = None,
    name: str = "model",
    progress: Progress = quiet,
) -> Plan:
    """The plan of `recipe` for `model`; without `feeds` no activation has a grid.

    A recipe that looks at statistics needs feeds to decide at all.

    Raises:
        ModelError: Q107, Q108, Q131. RecipeError: Q203, Q208. DataError: Q520 to Q523.
    """
    raise_all(ModelError, already_quantized(model))
    parts = components(model, name)
    if feeds is not None:
        return plan_for(model, recipe, feeds, parts, progress)
    return make_plan(model, sites(model, parts), recipe, quantized_once(model), None)


def by_node(plans: Iterable[Plan], pattern: str) -> dict[str, list[Entry]]:
    """Node name → its entries, of the nodes whose name matches the shell pattern.

    Raises:
        ModelError: Q117 when none does.
    """
    found: dict[str, list[Entry]] = {}
    for plan in plans:
        for entry in plan.entries:
            found.setdefault(entry.site.node_name, []).append(entry)
    chosen = {node: each for node, each in found.items() if fnmatchcase(node, pattern)}
    if not chosen:
        raise ModelError(_no_such_node(pattern, found))
    return chosen


def explained_row(entry: Entry) -> dict[str, Any]:
    """`summary.plan_row`, with the author's reason and the rules that declined."""
    rule, declined = entry.decision.rule, entry.decision.declined
    return {
        **plan_row(entry),
        "why": "" if rule is None else rule.why,
        "declined": [
            {"rule": each.name, "rule_at": each.at, "reason": reason} for each, reason in declined
        ],
    }


def _no_such_node(pattern: str, nodes: Mapping[str, object]) -> Finding:
    need = "a pattern that a quantizable node's name matches, such as\n" + "\n".join(nodes)
    return Finding(
        "Q117", "no such node", f"--node {pattern}", need, "no match", near(pattern, nodes)
    )
