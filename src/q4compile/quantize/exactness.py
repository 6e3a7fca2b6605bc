"""``Σ q_x · q_w`` in float32: exact, in any order of addition, while it stays within ±2²⁴."""

from q4compile.quantize.encoding import Encoding
from q4compile.quantize.plan import Entry
from q4compile.quantize.subjects import blocking_of

LARGEST_SUM = 2**24


def adds_exactly(x: Encoding, w: Encoding, terms: int) -> bool:
    """Whether `terms` products of codes of `x` and `w`, zero points taken off, add up exactly."""
    return terms * _reach(x) * _reach(w) <= LARGEST_SUM


def weight_adds_exactly(x: Entry | None, weight: Entry | None) -> bool:
    """Whether activation times constant does; an activation that is no integer takes no part."""
    if weight is None or weight.encoding is None or weight.scheme.granularity.kind == "per_group":
        return False
    terms = blocking_of(weight.site, weight.scheme).reduced_elements
    return x is None or x.encoding is None or adds_exactly(x.encoding, weight.encoding, terms)


def _reach(encoding: Encoding) -> int:
    """The largest |q − zero_point|."""
    return max(encoding.hi - encoding.zero_point, encoding.zero_point - encoding.lo)
