"""The recipe applied to one model: every tensor, its scheme and grid, and the rule that decided.

sites + recipe              → which tensors calibration must look at  (`Demand`)
sites + recipe + statistics → scheme and encoding of every tensor     (`Plan`)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import onnx_ir as ir

from q4compile.errors import Finding, RecipeError, raise_all
from q4compile.graph.sites import Site
from q4compile.numerics.histogram import Histogram
from q4compile.quantize import input_moments
from q4compile.quantize.calibrate import Seen
from q4compile.quantize.encoding import Encoding, encode_activation
from q4compile.quantize.input_moments import Moments
from q4compile.quantize.ranges.registry import range_setter
from q4compile.quantize.rows import Blocking
from q4compile.quantize.weights import blocking, weight_encoding
from q4compile.recipe.findings import refused, unmatched
from q4compile.recipe.recipe import Decision, Recipe
from q4compile.recipe.scheme import GPTQ, Refusal, Scheme
from q4compile.recipe.subject import BOUNDS, Measured, Subject

RECURRENT = frozenset({"GRU", "LSTM", "RNN"})
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


@dataclass(frozen=True)
class Entry:
    """One tensor in one role: what the recipe decided, and the grid that came of it.

    `inherits` names the value whose grid this one is on already, and so is not quantized again:
    an LSTM's output feeding the next layer. `encoding` is None for floats.
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
        subject = subject_of(site, _measured(model, site, recipe, seen))
        decision = recipe.decide(subject)
        if decision.rule is None:
            reasons = [f"{rule.name}: {reason}" for rule, reason in decision.declined]
            found.append(unmatched(subject, reasons, str(recipe.file)))
            continue
        scheme = decision.rule.scheme
        refusal = _refusal(site, subject, scheme, sites)
        if refusal is not None:
            found.append(refused(subject, refusal, decision.rule.at))
            continue
        inherits = origins.get(site.value_name, site.value_name)
        origin = decided.get(inherits) if site.role == "input" else None
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


def subject_of(site: Site, measured: Measured | None) -> Subject:
    """The site as the recipe sees it."""
    return Subject(
        component=site.component,
        node=site.node_name,
        op=site.op,
        role=site.role,
        name=site.value_name,
        shape=tuple(axis if isinstance(axis, int) else None for axis in site.shape or ()),
        position=site.position,
        producer=site.producer_op,
        consumers=frozenset(site.consumer_ops),
        bounded_by=_bound(site),
        measured=measured,
    )


def blocking_of(site: Site, scheme: Scheme) -> Blocking:
    """The rows of a constant site that share a scale."""
    shape = tuple(axis for axis in site.shape or () if isinstance(axis, int))
    axes = (0, 1) if site.op in RECURRENT and len(shape) == 3 else (site.channel_axis or 0,)
    return blocking(shape, axes, site.gates, scheme.granularity)


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


def constant(model: ir.Model, name: str) -> np.ndarray:
    """The float32 values of the initializer called `name`."""
    tensor = model.graph.initializers[name].const_value
    assert tensor is not None, f"{name} is an initializer with values"
    return tensor.numpy()


def _one_grid(entry: Entry) -> bool:
    if entry.encoding is None:  # an activation that was not measured: integer or float
        return not entry.scheme.format.is_float
    return entry.encoding.scales.size == 1


def _measured(model: ir.Model, site: Site, recipe: Recipe, seen: Seen | None) -> Measured | None:
    if not recipe.needs_measured or seen is None:
        return None
    if site.is_constant:
        histogram = Histogram()
        histogram.add(constant(model, site.value_name))
        return Measured.of(histogram)
    return Measured.of(seen[site.value_name]) if site.value_name in seen else None


def _bound(site: Site) -> str:
    if site.role == "hidden" and site.op != "RNN":
        return "tanh"
    op = (site.producer_op or "").lower()
    return op if op in BOUNDS else "none"


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


def _refusal(site: Site, subject: Subject, scheme: Scheme, sites: Sequence[Site]) -> Refusal | None:
    gates = site.gates if site.op in RECURRENT else 0
    rank = len(subject.shape)
    axis = rank - 2 if site.channel_axis == rank - 1 else rank - 1
    refusal = scheme.refuses(subject.shape, site.role, gates, axis)
    if refusal is None and scheme.rounding == GPTQ:
        refusal = input_moments.refusal(site, sites, blocking_of(site, scheme).reduced_elements)
    symmetric = scheme.symmetric and scheme.format.signed
    if refusal is not None or scheme.format.is_float or not site.is_constant or symmetric:
        return refusal
    return Refusal(
        "a constant's grid is symmetric",
        "a signed format and symmetric: true",
        f"{scheme.format}, symmetric: {str(scheme.symmetric).lower()}",
        f"format int{scheme.format.bits} without symmetric: false",
    )
