"""Rows of every granularity hold every element of the tensor once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.quantize.rows import Blocking
from q4compile.quantize.weights import blocking
from q4compile.recipe.granularity import KINDS, Granularity


@st.composite
def blockings(draw):
    """Any tensor of 1 to 4 axes, any order of its channel axes, any divisor as a row."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    axes = draw(st.permutations(range(len(shape))))
    channels = tuple(axes[: draw(st.integers(1, len(shape)))])
    elements = int(np.prod(shape))
    row = draw(st.sampled_from([n for n in range(1, elements + 1) if elements % n == 0]))
    return Blocking(shape, channels, row)


@given(blockings())
def test_restored_is_the_inverse_of_rows(rows):
    tensor = np.arange(np.prod(rows.shape), dtype=np.float32).reshape(rows.shape)
    split = rows.rows(tensor)
    assert split.shape == (tensor.size // rows.row_elements, rows.row_elements)
    assert sorted(split.ravel()) == list(range(tensor.size))
    restored = rows.restored(split)
    np.testing.assert_array_equal(restored, tensor)
    assert restored.flags.c_contiguous


@given(blockings())
def test_channels_times_reduced_is_everything(rows):
    assert rows.channels * rows.reduced_elements == np.prod(rows.shape)


def indices_of(shape, axes, gates, granularity):
    """Which row each element of a tensor of `shape` lies in."""
    rows = blocking(shape, axes, gates, granularity)
    count = rows.rows(np.empty(shape)).shape[0]
    numbers = np.repeat(np.arange(count), rows.row_elements).reshape(count, -1)
    return rows.restored(numbers)


@pytest.mark.parametrize("kind", KINDS)
def test_recurrent_weights(kind):
    """W [D, G·H, K] with D = 2, G = 4, H = 3, K = 6."""
    granularity = Granularity(kind, 2 if kind == "per_group" else 0)
    found = indices_of((2, 12, 6), (0, 1), 4, granularity)
    d, row, column = np.indices((2, 12, 6))
    expected = {
        "per_tensor": np.zeros((2, 12, 6)),
        "per_channel": d * 12 + row,
        "per_gate": d * 4 + row // 3,
        "per_group": (d * 12 + row) * 3 + column // 2,
    }[kind]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("axis", [0, 1])
def test_groups_run_along_the_reduction_axis(axis):
    found = indices_of((4, 6), (axis,), 1, Granularity("per_group", 2))
    channel, reduced = np.indices((4, 6))[[axis, 1 - axis]]
    np.testing.assert_array_equal(found, channel * (found.shape[1 - axis] // 2) + reduced // 2)
