"""What calibration has to look at, so that it looks at no more: sites + recipe → `Demand`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from q4compile.graph.sites import Site
from q4compile.quantize import input_moments
from q4compile.quantize.input_moments import Moments
from q4compile.quantize.subjects import matrix_of, stays_on_grid, subject_of
from q4compile.recipe.recipe import Recipe
from q4compile.recipe.scheme import GPTQ, Scheme

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
    full, extremes, inside = [], [], []
    on_grid: dict[str, Scheme] = {}
    for site in sites:
        if site.is_constant:
            continue
        rule = recipe.decide(subject_of(site, None)).rule
        integer = rule is not None and not rule.scheme.format.is_float
        searched = integer and rule is not None and rule.scheme.range not in RANGE_FROM_EXTREMES
        if recipe.needs_measured:
            full.append(site.value_name)
        elif rule is not None and _inherits(site, rule.scheme, origins, on_grid):
            continue
        elif searched:
            full.append(site.value_name)
        elif integer:
            extremes.append(site.value_name)
        elif site.role in INSIDE:
            inside.append(site.value_name)
        if site.role == "hidden" and integer and rule is not None:
            on_grid[site.value_name] = rule.scheme
    moments = input_moments.needed(sites, _rounded_together(sites, recipe))
    if full or extremes or moments:  # weights alone need no data at all
        extremes += inside
    unique = dict.fromkeys(full)
    rest = tuple(name for name in dict.fromkeys(extremes) if name not in unique)
    return Demand(tuple(unique), rest, moments)


def _inherits(
    site: Site, wanted: Scheme, origins: Mapping[str, str], on_grid: Mapping[str, Scheme]
) -> bool:
    origin = on_grid.get(origins.get(site.value_name, "")) if site.role == "input" else None
    return origin is not None and stays_on_grid(wanted, origin)


def _rounded_together(sites: Sequence[Site], recipe: Recipe) -> list[Site]:
    """The constants that GPTQ rounds; all it could round where statistics have yet to decide."""
    if not any(rule.scheme.rounding == GPTQ for rule in recipe.rules):
        return []
    return [
        site
        for site in sites
        if input_moments.factor_of(site, sites) is not None
        and (recipe.needs_measured or _rounds_together(site, recipe))
        and input_moments.refusal(site, sites, matrix_of(site).reduced_elements) is None
    ]


def _rounds_together(site: Site, recipe: Recipe) -> bool:
    rule = recipe.decide(subject_of(site, None)).rule
    return rule is not None and rule.scheme.rounding == GPTQ
