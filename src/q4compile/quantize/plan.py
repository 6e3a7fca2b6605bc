"""The recipe applied to one model: every tensor, its scheme and grid, and the rule that decided.

sites + recipe + statistics → scheme and encoding of every tensor
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import onnx_ir as ir

from q4compile.errors import Finding, RecipeError, raise_all
from q4compile.graph.sites import Site
from q4compile.quantize import input_moments
from q4compile.quantize.calibrate import Seen
from q4compile.quantize.encoding import Encoding, encode_activation
from q4compile.quantize.input_moments import Moments
from q4compile.quantize.ranges.registry import range_setter
from q4compile.quantize.subjects import (
    blocking_of,
    constant,
    measured,
    refusal_of,
    scheme_for,
    stays_on_grid,
    subject_of,
)
from q4compile.quantize.weights import weight_encoding
from q4compile.recipe.findings import refused, unmatched
from q4compile.recipe.recipe import Decision, Recipe
from q4compile.recipe.scheme import GPTQ, Scheme


@dataclass(frozen=True)
class Entry:
    """One tensor in one role: what the recipe decided, and the grid that came of it.

    `scheme` is the rule's, or the origin's where `inherits` names the value whose grid this one is
    on already, and so is not quantized again: an LSTM's output feeding the next layer. `encoding`
    is None for floats.
    """

    site: Site
    decision: Decision
    scheme: Scheme
    encoding: Encoding | None = None
    inherits: str | None = None
    seen: tuple[float, float] | None = None
    """The extremes over calibration; None for constants and for what was not observed."""


@dataclass(frozen=True)
class Plan:
    """All entries, in the graph's order."""

    recipe: Recipe
    entries: tuple[Entry, ...]

    def unused(self) -> list[Finding]:
        """Q209 for every rule that decided nothing."""
        return self.recipe.unused(entry.decision for entry in self.entries)


def make_plan(
    model: ir.Model,
    sites: Sequence[Site],
    recipe: Recipe,
    origins: Mapping[str, str],
    seen: Seen | None,
    moments: Moments | None = None,
) -> Plan:
    """Decide every site; with `seen` None, activations get their scheme but no encoding.

    `moments` are those of `Demand`, filled by calibration.

    Raises:
        RecipeError: Q208 for tensors that no rule matches, Q203 for schemes that do not suit their
            tensor, all at once.
    """
    entries, found = [], []
    decided: dict[str, Entry] = {}
    results = {str(node.name): str(node.outputs[0].name) for node in model.graph}
    for site in sites:
        subject = subject_of(site, measured(model, site, recipe, seen))
        decision = recipe.decide(subject)
        if decision.rule is None:
            reasons = [f"{rule.name}: {reason}" for rule, reason in decision.declined]
            found.append(unmatched(subject, reasons, str(recipe.file)))
            continue
        scheme = scheme_for(site, decision.rule.scheme)
        refusal = refusal_of(site, subject, scheme, sites)
        if refusal is not None:
            found.append(refused(subject, refusal, decision.rule.at))
            continue
        inherits = origins.get(site.value_name, site.value_name)
        origin = decided.get(inherits) if site.role == "input" else None
        if origin is not None and not stays_on_grid(scheme, origin.scheme):
            origin = None
        entry = _entry(model, site, decision, scheme, seen, inherits, origin)
        if scheme.rounding == GPTQ and moments is not None:
            entry = _rounded(model, entry, sites, moments)
        entries.append(entry)
        if site.role in ("hidden", "table") and _one_grid(entry):
            decided[results[site.node_name] or site.value_name] = entry
    raise_all(RecipeError, found)
    floats = [e.site for e in entries if e.encoding is None and not e.scheme.format.is_float]
    assert seen is None or not floats, f"not calibrated: {floats}"
    return Plan(recipe, tuple(entries))


def _entry(
    model: ir.Model,
    site: Site,
    decision: Decision,
    scheme: Scheme,
    seen: Seen | None,
    inherits: str,
    origin: Entry | None,
) -> Entry:
    if site.is_constant:
        if scheme.format.is_float:
            return Entry(site, decision, scheme)
        encoding = weight_encoding(
            constant(model, site.value_name), blocking_of(site, scheme), scheme
        )
        return Entry(site, decision, scheme, encoding)
    if origin is not None:
        return Entry(site, decision, origin.scheme, origin.encoding, inherits, origin.seen)
    if seen is None:
        return Entry(site, decision, scheme)
    histogram = seen.get(site.value_name)
    extent = None if histogram is None else (histogram.extent.minimum, histogram.extent.maximum)
    if scheme.format.is_float or histogram is None:
        return Entry(site, decision, scheme, seen=extent)
    low, high = range_setter(str(scheme.range)).of_histogram(histogram, scheme)
    encoding = encode_activation(low, high, scheme.format, scheme.symmetric)
    return Entry(site, decision, scheme, encoding, seen=extent)


def _one_grid(entry: Entry) -> bool:
    if entry.encoding is None:  # an activation that was not measured: integer or float
        return not entry.scheme.format.is_float
    return entry.encoding.scales.size == 1


def _rounded(model: ir.Model, entry: Entry, sites: Sequence[Site], moments: Moments) -> Entry:
    """`entry` with codes rounded together."""
    factor = input_moments.factor_of(entry.site, sites)
    assert factor is not None and entry.encoding is not None, "refused before"
    encoding = input_moments.with_codes(
        entry.encoding,
        constant(model, entry.site.value_name),
        blocking_of(entry.site, entry.scheme),
        moments[factor.value_name],
    )
    return replace(entry, encoding=encoding)
