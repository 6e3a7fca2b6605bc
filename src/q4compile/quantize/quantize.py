"""``quantize(model, recipe, feeds)``: a float model, a recipe and some data in, QDQ ONNX out."""

from collections.abc import Iterable
from dataclasses import dataclass

import onnx_ir as ir

from q4compile.errors import ModelError, raise_all
from q4compile.graph.components import Component, components
from q4compile.graph.lineage import quantized_once
from q4compile.graph.sites import sites
from q4compile.progress import Progress, quiet
from q4compile.quantize.calibrate import Seen, calibrate
from q4compile.quantize.demand import demand
from q4compile.quantize.emit import emit
from q4compile.quantize.feeds import Feed
from q4compile.quantize.float_types import already_quantized, other_float_types
from q4compile.quantize.plan import Plan, make_plan
from q4compile.recipe.recipe import Recipe


@dataclass(frozen=True)
class Quantized:
    """The quantized model and how each of its tensors came to be what it is."""

    model: ir.Model
    plan: Plan


def quantize(
    model: ir.Model,
    recipe: Recipe,
    feeds: Iterable[Feed],
    name: str = "model",
    form: str = "qdq",
    progress: Progress = quiet,
    total: int | None = None,
) -> Quantized:
    """Calibrate `model` on `feeds`, decide every tensor by `recipe`, and write it into the graph.

    Args:
        model: as `graph.read.read_model` gives it; left as it was.
        feeds: input name → array; read once, one at a time; not at all when nothing needs them.
        name: what to call the component of a model that is a single one.
        form: ``qdq`` or ``exact``, as explained in module `emit`.
        total: how many feeds there are, for the progress bar.

    Raises:
        ModelError: Q107, Q108, Q129, Q131. RecipeError: Q203, Q208. DataError: Q520 to Q523.
    """
    plan = plan_for(model, recipe, feeds, components(model, name), progress, total)
    return Quantized(emit(model, plan, form), plan)


def plan_for(
    model: ir.Model,
    recipe: Recipe,
    feeds: Iterable[Feed],
    parts: tuple[Component, ...],
    progress: Progress = quiet,
    total: int | None = None,
) -> Plan:
    """The plan alone: what `explain` shows."""
    raise_all(ModelError, already_quantized(model))
    found, origins = sites(model, parts), quantized_once(model)
    raise_all(ModelError, other_float_types(model, found))
    wanted = demand(found, recipe, origins)
    seen: Seen = {}
    if wanted.full or wanted.extremes or wanted.moments:
        seen = calibrate(
            model, feeds, wanted.full, wanted.extremes, progress, total, wanted.moments
        )
    return make_plan(model, found, recipe, origins, seen, wanted.moments)
