"""Add, Sub, Max, Min, Mul against Python integers."""

import operator

from equations import UNIT, matrix, put, rne, sat16
from hypothesis import given, settings
from hypothesis import strategies as st
from on_machine import after, image

from q4compile.isa.instructions import Add, Max, Min, Mul, Sub
from q4compile.isa.operand import Address

OPERATORS = {Add: operator.add, Sub: operator.sub, Max: max, Min: min}
places = st.integers(0, 400)
shifts = st.integers(0, 31)


def combined(sram, word, combine):
    """SRAM after a word that reads all before it writes."""
    columns = word.columns
    x = matrix(sram, word.left.offset * UNIT, word.rows, columns, 16)
    y = matrix(sram, word.right.offset * UNIT, 1 if word.broadcast else word.rows, columns, 16)
    values = [
        [combine(a, b) for a, b in zip(row, y[0 if word.broadcast else m], strict=True)]
        for m, row in enumerate(x)
    ]
    result = sram.copy()
    put(result, word.to.offset * UNIT, values, 16)
    return result


@st.composite
def operands(draw):
    to, left, right = draw(places), draw(places), draw(places)
    left, right = draw(st.sampled_from([left, to])), draw(st.sampled_from([right, to, left]))
    shape = draw(st.integers(0, 5)), draw(st.integers(0, 20))
    return (Address(to), Address(left), Address(right), *shape), draw(st.booleans())


@settings(max_examples=200)
@given(operands(), st.sampled_from(list(OPERATORS)), shifts, shifts, shifts)
def test_shifted(where, kind, left_shift, right_shift, result_shift):
    places, broadcast = where
    word = kind(*places, left_shift, right_shift, result_shift, broadcast=broadcast)
    sram = image(0)

    def combine(x, y):
        both = OPERATORS[kind](x << left_shift, y << right_shift)
        return sat16(rne(both, result_shift))

    assert after([word], sram).tolist() == combined(sram, word, combine).tolist()


@given(operands(), st.integers(0, 62))
def test_mul(where, result_shift):
    places, broadcast = where
    word = Mul(*places, result_shift, broadcast=broadcast)
    sram = image(1)
    expected = combined(sram, word, lambda x, y: sat16(rne(x * y, result_shift)))
    assert after([word], sram).tolist() == expected.tolist()
