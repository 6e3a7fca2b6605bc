"""What GPTQ needs beside a weight: the second moments of the values it is multiplied with.

weight × input, recurrent_weight × h (each direction's own) → ``Σ x·xᵀ`` → codes
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from q4compile.graph.sites import Site
from q4compile.numerics.moments import SecondMoments
from q4compile.quantize.encoding import Encoding, Float32
from q4compile.quantize.gptq import gptq_codes
from q4compile.quantize.rows import Blocking
from q4compile.recipe.scheme import GPTQ, Refusal

Moments = Mapping[str, SecondMoments]
FACTORS = {"weight": "input", "recurrent_weight": "hidden"}
"""Role of a constant → role of what it is multiplied with at the same node."""
DIRECTION_AXIS = 1
"""Of h in a recurrent node's output [T, D, B, H]."""


def factor_of(site: Site, sites: Sequence[Site]) -> Site | None:
    """The activation that the constant `site` is multiplied with; None when it has no such role."""
    role = FACTORS.get(site.role)
    same_node = (each for each in sites if each.node_name == site.node_name)
    return next((each for each in same_node if each.role == role), None)


def needed(sites: Sequence[Site], chosen: Sequence[Site]) -> dict[str, SecondMoments]:
    """Empty moments by value name, for the factors of the constants in `chosen`."""
    factors = (factor_of(site, sites) for site in chosen)
    return {
        each.value_name: SecondMoments(DIRECTION_AXIS if each.role == "hidden" else None)
        for each in factors
        if each is not None
    }


def refusal(site: Site, sites: Sequence[Site], reduced_elements: int) -> Refusal | None:
    """Why GPTQ cannot round this constant: its product is not one over the factor's last axis."""
    factor = factor_of(site, sites)
    length = factor.shape[-1] if factor is not None and factor.shape else None
    if site.op != "Conv" and length in (reduced_elements, None):
        return None
    return Refusal(
        "no product to round for",
        f"a product over the last axis of the input for rounding {GPTQ}",
        f"{site.op} of an input of length {length} with a weight of {reduced_elements} per channel",
        "rounding nearest for this tensor, by a rule before this one",
    )


def with_codes(
    encoding: Encoding, weight: Float32, blocking: Blocking, moments: SecondMoments
) -> Encoding:
    """`encoding` with the codes GPTQ chooses for `weight`, in the weight's own shape."""
    assert moments.sums is not None, "calibration has seen at least one feed"
    by_channel = replace(blocking, row_elements=blocking.reduced_elements)
    rows = by_channel.rows(weight)
    scales = encoding.scales.reshape(min(len(rows), encoding.scales.size), -1)
    scales = np.repeat(scales, len(rows) // len(scales), axis=0)
    parts = _by_direction(rows, scales, moments.sums)
    codes = [gptq_codes(*part, encoding.lo, encoding.hi) for part in parts]
    return replace(encoding, codes=by_channel.restored(np.concatenate(codes)))


def _by_direction(
    rows: Float32, scales: Float32, sums: NDArray[np.float64]
) -> Iterator[tuple[Float32, Float32, NDArray[np.float64]]]:
    """Rows of one direction lie together; a single set of moments serves all of them."""
    yield from zip(np.split(rows, len(sums)), np.split(scales, len(sums)), sums, strict=True)
