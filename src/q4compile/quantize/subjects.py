"""Sites of the graph as the recipe sees them: subjects, statistics, schemes that do not suit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import onnx_ir as ir

from q4compile.graph.recurrent import GATES
from q4compile.graph.sites import Site
from q4compile.numerics.histogram import Histogram
from q4compile.quantize import input_moments
from q4compile.quantize.rows import Blocking
from q4compile.quantize.weights import blocking
from q4compile.recipe.granularity import Granularity
from q4compile.recipe.recipe import Recipe
from q4compile.recipe.scheme import GPTQ, NEAREST, Refusal, Scheme
from q4compile.recipe.subject import BOUNDS, Measured, Subject

RECURRENT = frozenset(GATES)


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
    matrix = matrix_of(site)
    return blocking(matrix.shape, matrix.channel_axes, site.gates, scheme.granularity)


def matrix_of(site: Site) -> Blocking:
    """The rows of a constant site that belong to one output channel: ``[C, K]``."""
    shape = tuple(axis for axis in site.shape or () if isinstance(axis, int))
    axes = (0, 1) if site.op in RECURRENT and len(shape) == 3 else (site.channel_axis or 0,)
    return blocking(shape, axes, site.gates, Granularity("per_channel"))


def constant(model: ir.Model, name: str) -> np.ndarray:
    """The float32 values of the initializer called `name`."""
    tensor = model.graph.initializers[name].const_value
    assert tensor is not None, f"{name} is an initializer with values"
    return tensor.numpy()


def measured(
    model: ir.Model, site: Site, recipe: Recipe, seen: Mapping[str, Histogram] | None
) -> Measured | None:
    """The statistics of a site's values, where the recipe looks at any and they are known."""
    if not recipe.needs_measured or seen is None:
        return None
    if site.is_constant:
        histogram = Histogram()
        histogram.add(constant(model, site.value_name))
        return Measured.of(histogram)
    return Measured.of(seen[site.value_name]) if site.value_name in seen else None


def scheme_for(site: Site, scheme: Scheme) -> Scheme:
    """`scheme` as it is carried out on `site`: a convolution's weights are rounded to nearest."""
    if scheme.rounding == GPTQ and site.op == "Conv":
        return replace(scheme, rounding=NEAREST)
    return scheme


def stays_on_grid(wanted: Scheme, origin: Scheme) -> bool:
    """Whether an input whose rule says `wanted` stays on the grid of `origin` it is on already.

    A finer grid, or a float, would hold the same values; only a narrower format makes new ones.
    """
    return wanted.format.is_float or wanted.format.bits >= origin.format.bits


def refusal_of(
    site: Site, subject: Subject, scheme: Scheme, sites: Sequence[Site]
) -> Refusal | None:
    """Why `scheme` does not suit `site`; None when it does."""
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


def _bound(site: Site) -> str:
    if site.role == "hidden" and site.op != "RNN":
        return "tanh"
    op = (site.producer_op or "").lower()
    return op if op in BOUNDS else "none"
