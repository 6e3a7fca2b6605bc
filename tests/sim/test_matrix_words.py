"""Mm against sums of Python integers."""

import numpy as np
import pytest
from equations import UNIT, get, matrix, pitch, put
from hypothesis import given, settings
from hypothesis import strategies as st
from on_machine import after, image, stopped

from q4compile.isa.engine import Precision
from q4compile.isa.instructions import Mm
from q4compile.isa.operand import Address, Scalar

BITS = {Precision.INT4: (4, 4), Precision.INT8: (8, 8), Precision.W4A8: (8, 4)}
places = st.integers(0, 255)


def product(sram, word, count):
    """SRAM after an Mm that reads all before it writes."""
    x_bits, w_bits = BITS[word.precision]
    to, x_at, w_at = (each.offset * UNIT for each in (word.to, word.activations, word.weights))
    x = matrix(sram, x_at, count, word.depth, x_bits)
    w = matrix(sram, w_at, word.columns, word.depth, w_bits)
    sums = []
    for m, row in enumerate(x):
        sums.append([])
        for n, weights in enumerate(w):
            total = sum(a * b for a, b in zip(row, weights, strict=True))
            if word.accumulate:
                total += get(sram, to, m, n, 32, pitch(word.columns, 32))
            elif word.bias is not None:
                total += get(sram, word.bias.offset * UNIT, 0, n, 32, 0)
            sums[-1].append(total)
    result = sram.copy()
    put(result, to, sums, 32)
    return result


def small_words(sram, start, stop):
    """Make each int32 of [start, stop) small, so that sums with it fit int32."""
    sram[start:stop].view(np.int32)[:] >>= 2


@settings(max_examples=200)
@given(st.data(), st.sampled_from(list(BITS)), st.integers(0, 6), st.integers(0, 11))
def test_mm(data, precision, count, columns):
    """Any overlap of operands and result."""
    depth = data.draw(st.integers(0, 150))
    to, x, w, bias = (data.draw(places) for _ in range(4))
    start = data.draw(st.sampled_from(["none", "bias", "accumulate"]))
    sram = image(data.draw(st.integers(0, 3)))
    small_words(sram, 0, len(sram))
    word = Mm(
        *(Address(to), Address(x), Address(w), Address(bias) if start == "bias" else None),
        *(Scalar(0), columns, depth, precision),
        accumulate=start == "accumulate",
    )
    expected = product(sram, word, count)
    assert after([word], sram, scalars=[count]).tolist() == expected.tolist()


def extreme(precision, depth, initial):
    """An Mm of all −128 or −8, whose sum begins at `initial`."""
    sram = np.zeros(8192, np.uint8)
    for start, bits in zip((0, 2048), BITS[precision], strict=True):
        put(sram, start, [[-(2 ** (bits - 1))] * depth], bits)
    put(sram, 4096, [[initial]], 32)
    word = Mm(Address(0x180), Address(0), Address(0x80), Address(0x100), 1, 1, depth, precision)
    return word, sram


@pytest.mark.parametrize("precision", BITS)
@pytest.mark.parametrize("beyond", [0, 1])
def test_a_sum_fits_int32_or_stops(precision, beyond):
    depth = 1500
    x_bits, w_bits = BITS[precision]
    initial = 2**31 - 1 - depth * 2 ** (x_bits - 1 + w_bits - 1) + beyond
    word, sram = extreme(precision, depth, initial)
    if beyond:
        finding = stopped([word], sram)
        assert (finding.code, finding.need) == ("Q363", "accumulator [0, 0]: a number in int32")
    else:
        assert get(after([word], sram), 0x1800, 0, 0, 32, 0) == 2**31 - 1


def test_the_first_sum_beyond_int32_is_named():
    sram = np.zeros(8192, np.uint8)
    put(sram, 0, [[0], [0], [1]], 8)
    put(sram, 256, [[0], [0], [-1], [-1], [1]], 8)
    put(sram, 512, [[-(2**31)] * 4 + [2**31 - 1]], 32)
    word = Mm(Address(64), Address(0), Address(16), Address(32), 3, 5, 1, Precision.INT8)
    assert stopped([word], sram).need == "accumulator [2, 2]: a number in int32"
