"""Notes on initializers: written, read, and never mistaken."""

import numpy as np
import onnx_ir as ir
import pytest

from q4compile.quantize.notes import KEY, Note, read_note, write_note


@pytest.fixture
def value():
    return ir.Value(name="W", const_value=ir.Tensor(np.zeros(2, np.float32)))


def test_a_note_is_read_as_it_was_written(value):
    for note in (Note("int2", "lsq"), Note("uint8", "percentile", symmetric=False)):
        write_note(value, note)
        assert read_note(value) == note


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"format": "int5", "range": "lsq", "symmetric": true}', "{"]
)
def test_what_is_no_note_of_ours_is_none(value, text):
    assert read_note(value) is None
    value.metadata_props[KEY] = text
    assert read_note(value) is None
