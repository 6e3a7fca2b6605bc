"""``acc[n] = B[n] + Σ_k q_x[k] · q_w[n, k]``, then M[n]: the integers of a product with a constant.

The codes of x are those that memory holds, so B takes up the offset of unsigned grids.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Precision
from q4compile.lower.findings import Refused
from q4compile.lower.numbers.kinds import INT16, INT32_MAX, Fixed, Grid, Real, Wide, scaled_by
from q4compile.lower.numbers.multipliers import Span, multiplier_of, staircase_multipliers
from q4compile.lower.numbers.packing import packed_rows, packed_words
from q4compile.lower.numbers.weight_codes import Codes, Integers, RowCodes

PRECISIONS = {
    (ElementType.I4, ElementType.I4): Precision.INT4,
    (ElementType.I8, ElementType.I4): Precision.W4A8,
    (ElementType.I8, ElementType.I8): Precision.INT8,
    (ElementType.F16, ElementType.F16): Precision.FP16,
}
"""Elements of x and of w → how the matrix engine takes them."""
SCALES_FIX = "look for a weight or activation range that calibration set wrongly"


@dataclass(frozen=True, eq=False)
class Product:
    """What the matrix engine and the requantization behind it are given."""

    codes: Codes
    """[N, K]; the numbers themselves where these are halves."""
    bias: Integers
    """B, [N]; float32 beside halves."""
    multipliers: Integers
    """32 bits each, [N]; nobody reads them beside halves."""
    element: ElementType
    """Of the weights."""
    offsets: Integers | None = None
    """Added behind the multipliers where results are wide, int32, [N]."""

    @property
    def rows(self) -> int:
        """N."""
        return len(self.codes)

    @property
    def depth(self) -> int:
        """K."""
        return int(self.codes.shape[1])

    def placed(self, depth: int, positions: Sequence[int]) -> "Product":
        """The same sums where number k of x lies at column `positions[k]` out of `depth`."""
        if depth == self.depth and list(positions) == list(range(depth)):
            return self
        codes = np.zeros((self.rows, depth), self.codes.dtype)
        codes[:, list(positions)] = self.codes
        return replace(self, codes=codes)

    def arranged(self, rows: int, order: Sequence[int]) -> "Product":
        """Row n of this one as row `order[n]` out of `rows`; the others are 0 throughout."""
        codes = np.zeros((rows, self.depth), self.codes.dtype)
        bias, multipliers = np.zeros(rows, self.bias.dtype), np.zeros(rows, np.int64)
        index = list(order)
        codes[index], bias[index], multipliers[index] = self.codes, self.bias, self.multipliers
        made = replace(self, codes=codes, bias=bias, multipliers=multipliers)
        if self.offsets is None:
            return made
        offsets = np.zeros(rows, np.int64)
        offsets[index] = self.offsets
        return replace(made, offsets=offsets)

    def scaling(self, part: slice) -> bytes:
        """The multipliers of these rows as memory holds them, and behind them what is added."""
        words = packed_words(self.multipliers[part])
        if self.offsets is None:
            return words
        return words + packed_rows(self.offsets[None, part], ElementType.I32)


def joined(products: Sequence[Product]) -> Product:
    """The rows of all, one product after the other."""
    first, offsets = products[0], [each.offsets for each in products if each.offsets is not None]
    return replace(
        first,
        codes=np.concatenate([each.codes for each in products]),
        bias=np.concatenate([each.bias for each in products]),
        multipliers=np.concatenate([each.multipliers for each in products]),
        offsets=np.concatenate(offsets) if offsets else None,
    )


@dataclass(frozen=True)
class Requantizer:
    """``y = clip(x · M + zero_point, lo, hi)``, in the codes that memory holds; or f16(x).

    In int32 ``y = sat32(x · M[n] + offset[n])``.
    """

    zero_point: int
    lo: int
    hi: int
    element: ElementType

    @property
    def words(self) -> int:
        """Of 32 bits that each column has: a multiplier, and what is added to wide results."""
        return 2 if self.element is ElementType.I32 else 1


def requantizer_to(kind: Grid | Fixed | Wide | Real, element: ElementType) -> Requantizer:
    """To the codes of `kind`, held as `element`."""
    if isinstance(kind, Real | Wide):
        return Requantizer(0, 0, 0, element)
    if isinstance(kind, Fixed):
        return Requantizer(0, *INT16, element)
    stored = kind.stored
    return Requantizer(stored.zero_point, stored.lo, stored.hi, element)


def product_of(
    weight: RowCodes,
    operand: Grid | Real,
    bias: Sequence[Fraction],
    result: Grid | Fixed | Wide | Real,
    name: str,
) -> Product:
    """The product of values on `operand` with `weight` plus `bias`, scaled to `result`.

    Where that is wide, the bias is added in its units: those of sums would be too coarse.

    Raises:
        Refused: Q324 where a sum may leave int32, or a multiplier is 2^24 or more.
    """
    if isinstance(operand, Real) or isinstance(result, Real):
        return half_product(weight, bias)
    units = [operand.scale * scale for scale in weight.scales]
    offsets = None
    if isinstance(result, Wide):
        offsets = _offsets(bias, result)
        bias = [Fraction(0)] * len(units)
    sums = weight.codes.sum(axis=1, dtype=np.int64).tolist()
    whole = [
        round(b / unit) - operand.zero_point * total
        for b, unit, total in zip(bias, units, sums, strict=True)
    ]
    reach = [operand.largest * each for each in weight.magnitudes]
    _require_int32(whole, reach, name)
    spans = [(b - r, b + r) for b, r in zip(whole, reach, strict=True)]
    made = _multipliers(units, result, spans, name)
    offset = operand.stored_offset
    stored = [b + offset * total for b, total in zip(whole, sums, strict=True)]
    return Product(weight.codes, np.array(stored), made, weight.element, offsets)


def _offsets(bias: Sequence[Fraction], kind: Wide) -> Integers:
    """``sat32(RNE(b · 2^f))``."""
    unit, (low, high) = scaled_by(kind.f), kind.codes
    return np.array([min(max(round(each * unit), low), high) for each in bias], np.int64)


def half_product(weight: RowCodes, bias: Sequence[Fraction]) -> Product:
    """The product of halves: `bias` rounded to float32."""
    numbers = np.array([float(each) for each in bias], np.float32)
    nothing = np.zeros(len(numbers), np.int64)
    return Product(weight.codes, numbers, nothing, weight.element)


def bound_of(weight: RowCodes, operand: Fraction, bias: Sequence[Fraction]) -> Fraction:
    """``max over n of Σ_k |w[n, k]| · operand + |b[n]|``."""
    rows = zip(weight.magnitudes, weight.scales, bias, strict=True)
    return max((m * scale * operand + abs(b) for m, scale, b in rows), default=Fraction(0))


def scalar_multiplier(ratio: Fraction, name: str, grid: Grid | None = None) -> int:
    """The multiplier of `ratio`, for int16 values that become codes of `grid` if there is one."""
    word = multiplier_of(ratio)
    if word is None:
        raise Refused("Q324", "a multiplier below 2^24", f"{float(ratio):.3g} for '{name}'")
    return word if grid is None else int(staircase_multipliers([word], [ratio], grid, [INT16])[0])


def _multipliers(
    units: Sequence[Fraction], result: Grid | Fixed | Wide, spans: Sequence[Span], name: str
) -> Integers:
    to = 1 / result.scale if isinstance(result, Grid) else scaled_by(result.f)
    ratios = [unit * to for unit in units]
    words = [multiplier_of(ratio) for ratio in ratios]
    known = [word for word in words if word is not None]
    if len(known) < len(words):
        got = f"{float(ratios[words.index(None)]):.3g} in '{name}'"
        raise Refused("Q324", "multipliers below 2^24", got, SCALES_FIX)
    if isinstance(result, Grid):
        return staircase_multipliers(known, ratios, result, spans)
    return np.array(known, np.int64)


def _require_int32(bias: Sequence[int], reach: Sequence[int], name: str) -> None:
    for n, (b, r) in enumerate(zip(bias, reach, strict=True)):
        if abs(b) + r > INT32_MAX:
            got = f"row {n} of '{name}', which may reach {abs(b) + r}"
            raise Refused("Q324", "sums of codes within int32", got, SCALES_FIX)
