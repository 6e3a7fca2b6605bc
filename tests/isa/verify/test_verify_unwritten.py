"""Bytes that nothing has written may only meet weights of 0."""

import numpy as np
import pytest
from sound_programs import COLUMNS, DEPTH, PARTS, TARGET, changed, with_part

from q4compile.errors import TargetError
from q4compile.isa.verify import verify


def without_last_code(name, *, row=None):
    """A part of weights whose last code is 0: of every row, or of all rows but one."""
    rows = np.frombuffer(PARTS[name], np.uint8).reshape(COLUMNS, 32).copy()
    kept = rows[row] if row is not None else None
    rows[:, DEPTH // 2] &= 0xF0
    if row is not None:
        rows[row] = kept
        rows[row, DEPTH // 2] |= 1
    return rows.tobytes()


def program(**parts):
    """Frames without their last code."""
    found = changed("load x", row_bytes=DEPTH - 1)
    for name, part in parts.items():
        found = with_part(name, part, found)
    return found


def test_weights_of_zero():
    verify(program(w0=without_last_code("w0"), w1=without_last_code("w1")), TARGET)


@pytest.mark.parametrize("name", ["w0", "w1"])
@pytest.mark.parametrize("row", [0, COLUMNS - 1])
def test_one_weight_that_is_not_zero(name, row):
    parts = {each: without_last_code(each) for each in ("w0", "w1")}
    with pytest.raises(TargetError) as caught:
        verify(program(**parts | {name: without_last_code(name, row=row)}), TARGET)
    (finding,) = caught.value.findings
    assert finding.code == "Q347"
    assert f"word {22 if name == 'w0' else 23} " in finding.at


def test_other_operands_must_be_there():
    with pytest.raises(TargetError) as caught:
        verify(changed("load scales", row_bytes=4 * COLUMNS - 4), TARGET)
    assert {finding.code for finding in caught.value.findings} >= {"Q347"}
