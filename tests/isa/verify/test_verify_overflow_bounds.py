"""The bound of an accumulator is exact: one more in the bias, and it is refused."""

from dataclasses import replace

import numpy as np
import pytest
from sound_programs import (
    COLUMNS,
    DEPTH,
    NAMED,
    PARTS,
    SOUND,
    SUMS,
    SUMS_SLOT,
    TARGET,
    edited,
    with_part,
)

from q4compile.errors import TargetError
from q4compile.isa.element_type import ElementType
from q4compile.isa.instructions import Fill
from q4compile.isa.operand import Address
from q4compile.isa.verify import verify
from q4compile.isa.verify.checks.overflow import magnitudes_of_rows


def weights(name):
    """The codes of a part, int64 [COLUMNS, DEPTH], by another way than nibble tables."""
    rows = np.frombuffer(PARTS[name], np.uint8).reshape(COLUMNS, 32)[:, :17].astype(np.int64)
    codes = np.stack([rows & 15, rows >> 4], -1).reshape(COLUMNS, 34)[:, :DEPTH]
    return np.where(codes < 8, codes, codes - 16)


REACH = 128 * (np.abs(weights("w0")) + np.abs(weights("w1"))).sum(axis=1)


def with_bias(bias):
    return with_part("bias", bias.astype("<i4").tobytes())


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_largest_bias(sign):
    largest = 2**31 - 1 - REACH
    verify(with_bias(sign * largest), TARGET)
    for channel in (0, COLUMNS - 1):
        bias = largest.copy()
        bias[channel] += 1
        with pytest.raises(TargetError) as caught:
            verify(with_bias(sign * bias), TARGET)
        (finding,) = caught.value.findings
        assert finding.code == "Q344"
        assert finding.got.startswith(f"{2**31} in channel {channel}, with T = ")
        assert "word 23 of /rows: mm" in finding.at


def test_the_least_int32_is_too_much():
    with pytest.raises(TargetError, match="Q344"):
        verify(with_bias(np.full(COLUMNS, -(2**31))), TARGET)


def test_sums_may_start_from_what_a_fill_leaves():
    """Both words accumulate, from zeros first, then from what the words before have left."""
    product = replace(SOUND.code[NAMED["product"]], bias=None, accumulate=True)
    zeros = Fill(Address(SUMS), 1, 2 * 16 * SUMS_SLOT, 0, 0, post=SOUND.code[11].post)
    verify(edited({NAMED["product"]: product, 11: zeros}), TARGET)
    with pytest.raises(TargetError) as caught:
        verify(edited({NAMED["product"]: product}), TARGET)
    assert {finding.code for finding in caught.value.findings} == {"Q345", "Q347"}


@pytest.mark.parametrize("depth", [1, 2, 7, 8])
def test_rows_of_either_type(depth):
    random = np.random.default_rng(depth)
    rows = random.integers(0, 256, (50, (depth + 1) // 2), dtype=np.uint8)
    codes = np.stack([rows & 15, rows >> 4], -1).reshape(50, -1)[:, :depth].astype(int)
    expected = np.abs((codes ^ 8) - 8).sum(axis=1)
    assert (magnitudes_of_rows(rows, depth, ElementType.I4) == expected).all()
    wide = random.integers(0, 256, (50, depth), dtype=np.uint8)
    expected = np.abs(wide.astype(np.int8).astype(int)).sum(axis=1)
    assert (magnitudes_of_rows(wide, depth, ElementType.I8) == expected).all()
