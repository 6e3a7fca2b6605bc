"""Sums, products and limits of a value and a constant: a step with a constant row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from q4compile.isa.instructions import Add, Max, Min, Mul, Sub
from q4compile.lower.findings import Refused
from q4compile.lower.numbers.kinds import F16, FINEST, INT16, Fixed, finest_for, scaled_by
from q4compile.lower.phases.operations import Beside
from q4compile.lower.phases.values import Numbers
from q4compile.lower.select.computed import computed
from q4compile.lower.select.constants import Constant, column_numbers, placed_row
from q4compile.lower.select.selection import Selection
from q4compile.numerics.half import nearest_half

FINEST_CONSTANT = 15
Word = type[Add] | type[Sub] | type[Max] | type[Min]


@dataclass(frozen=True)
class Row:
    """Codes of a constant and their format."""

    codes: tuple[int, ...]
    kind: Fixed

    @property
    def bound(self) -> Fraction:
        """The largest magnitude that the codes stand for."""
        return max(map(abs, self.codes)) * scaled_by(-self.kind.f)


def scaled(
    selection: Selection,
    name: str,
    found: Numbers,
    constant: Constant,
    wanted: Fixed | None = None,
    by: Callable[[Fraction], Fraction] = lambda c: c,
) -> Numbers:
    """``x · c``, or x times what `by` makes of c."""
    numbers = [by(each) for each in column_numbers(constant, found.view)]
    if not isinstance(found.kind, Fixed):
        return _in_halves(selection, name, found, Mul, numbers)
    row = row_of(numbers, constant.name)
    bound, most = found.bound * row.bound, found.kind.f + row.kind.f
    kind = wanted or _finest(bound, min(FINEST, most), name)
    kind = Fixed(min(kind.f, most))
    operation = Beside(Mul, placed_row(found.view, row.codes), result_shift=most - kind.f)
    return computed(selection, name, kind, bound, operation, (found.view,))


def negated(selection: Selection, name: str, found: Numbers) -> Numbers:
    """``sat16(−x)``."""
    row = placed_row(found.view, [-1] * found.view.tensor.width)
    kind = found.kind if isinstance(found.kind, Fixed) else F16
    return computed(selection, name, kind, found.bound, Beside(Mul, row), (found.view,))


def moved_by(
    selection: Selection, name: str, found: Numbers, constant: Constant, is_difference: bool
) -> Numbers:
    """``x ± c``; c − x is sat16(−x) + c."""
    word: Word = Sub if is_difference else Add
    if is_difference and constant.port == 0:
        word, found = Add, negated(selection, f"{name} turned", found)
    numbers = column_numbers(constant, found.view)
    if not isinstance(found.kind, Fixed):
        return _in_halves(selection, name, found, word, numbers)
    row, x = row_of(numbers, constant.name), found.kind
    bound, most = found.bound + row.bound, max(x.f, row.kind.f)
    kind = _finest(bound, min(x.f, row.kind.f, FINEST), name)
    shifts = (most - x.f, most - row.kind.f, most - kind.f)
    operation = Beside(word, placed_row(found.view, row.codes), *shifts)
    return computed(selection, name, kind, bound, operation, (found.view,))


def limited(
    selection: Selection, name: str, found: Numbers, constant: Constant, word: Word
) -> Numbers:
    """Max or Min of x and ``sat16(RNE(c · 2^f))``."""
    numbers = column_numbers(constant, found.view)
    if not isinstance(found.kind, Fixed):
        return _in_halves(selection, name, found, word, numbers)
    unit = scaled_by(found.kind.f)
    codes = [min(max(round(each * unit), INT16[0]), INT16[1]) for each in numbers]
    bound = max(found.bound, *(abs(each) / unit for each in codes))
    operation = Beside(word, placed_row(found.view, codes))
    return computed(selection, name, found.kind, bound, operation, (found.view,))


def row_of(numbers: Sequence[Fraction], name: str) -> Row:
    """``RNE(c · 2^f)``, f the greatest ≤ 15 that int16 holds."""
    kind = _finest(max(map(abs, numbers)), FINEST_CONSTANT, name)
    return Row(tuple(round(each * scaled_by(kind.f)) for each in numbers), kind)


def _finest(bound: Fraction, most: int, name: str) -> Fixed:
    found = finest_for(bound, most)
    if found is None:
        got = f"'{name}', which may reach {float(bound):.3g}"
        raise Refused("Q324", "values that int16 holds with at least -16 fraction bits", got)
    return found


def _in_halves(
    selection: Selection, name: str, found: Numbers, word: Word | type[Mul], numbers: list[Fraction]
) -> Numbers:
    """``f16(x op f16(c))``."""
    halves = nearest_half(np.array([float(each) for each in numbers])).tolist()
    operation = Beside(word, placed_row(found.view, halves))
    return computed(selection, name, F16, Fraction(0), operation, (found.view,))
