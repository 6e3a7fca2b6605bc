"""What calibration has to look at, so that it looks at no more: sites + recipe → `Demand`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from q4compile.graph.sites import Site
from q4compile.quantize import input_moments
from q4compile.quantize.input_moments import Moments
from q4compile.quantize.subjects import subject_of
from q4compile.recipe.recipe import Recipe
from q4compile.recipe.scheme import GPTQ

RANGE_FROM_EXTREMES = frozenset({"fixed", "minmax"})
INSIDE = frozenset({"cell", "gate"})
"""Roles of values inside a recurrence: observed even where they stay float, for 16-bit hardware."""


@dataclass(frozen=True)
class Demand:
    """What calibration has to collect: whole histograms for `full`, extremes for the others."""

    full: tuple[str, ...]
    extremes: tuple[str, ...]
    moments: Moments = field(default_factory=dict)
    """Second moments to fill, of what GPTQ-rounded constants are multiplied with."""


def demand(sites: Sequence[Site], recipe: Recipe, origins: Mapping[str, str]) -> Demand:
    """What calibration has to collect before `make_plan` can decide.

    A recipe that looks at statistics needs every activation's distribution. Otherwise the rules
    decide without them, and only the setters that search (mse, percentile, sawb) need one. An input
    that lies on the grid of a recurrence's h needs nothing of its own.
    """
    full, extremes = [], []
    on_grid: set[str] = set()
    for site in sites:
        if site.is_constant:
            continue
        rule = recipe.decide(subject_of(site, None)).rule
        integer = rule is not None and not rule.scheme.format.is_float
        searched = integer and rule is not None and rule.scheme.range not in RANGE_FROM_EXTREMES
        if recipe.needs_measured:
            full.append(site.value_name)
        elif site.role == "input" and origins.get(site.value_name) in on_grid:
            continue
        elif searched:
            full.append(site.value_name)
        elif site.role in INSIDE or integer:
            extremes.append(site.value_name)
        if site.role == "hidden" and integer:
            on_grid.add(site.value_name)
    unique = dict.fromkeys(full)
    rest = tuple(name for name in dict.fromkeys(extremes) if name not in unique)
    return Demand(
        tuple(unique), rest, input_moments.needed(sites, _rounded_together(sites, recipe))
    )


def _rounded_together(sites: Sequence[Site], recipe: Recipe) -> list[Site]:
    """The constants that GPTQ rounds; all it could round where statistics have yet to decide."""
    if not any(rule.scheme.rounding == GPTQ for rule in recipe.rules):
        return []
    rules = [(site, recipe.decide(subject_of(site, None)).rule) for site in sites]
    return [
        site
        for site, rule in rules
        if recipe.needs_measured or (rule is not None and rule.scheme.rounding == GPTQ)
    ]
