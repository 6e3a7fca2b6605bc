"""Rows in memory: where each number of them lies, and what a host sees of it."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.isa.element_type import ElementType
from q4compile.lower.findings import Refused
from q4compile.lower.layout.axes import Axis
from q4compile.lower.layout.ports import MemoryAxes, PortTensor, memory_axes, token_view
from q4compile.lower.layout.tensors import Tensor, View, memory_rows
from q4compile.lower.numbers.kinds import Fixed, Grid, Integer

T, B, TWO = Axis("T"), Axis("B"), Axis(2, 1)
CODES = (ElementType.I4, ElementType.I8, ElementType.I16)
GRID = Grid(Fraction(1, 8), 0, -8, 7)

elements = st.sampled_from(CODES)
tensors = st.builds(
    lambda element, slices, columns: Tensor(
        "x", GRID, element, (T, B), (Axis(slices, 1), Axis(columns, 2)), slices
    ),
    elements,
    st.integers(1, 4),
    st.integers(1, 100),
)


@given(tensors)
def test_numbers_lie_apart_and_within_the_row(tensor):
    positions = list(tensor.positions())
    assert len(set(positions)) == len(positions) == tensor.width
    assert positions == sorted(positions)
    assert positions[-1] < tensor.depth
    assert tensor.element.row_bytes(tensor.depth) == tensor.row_bytes <= tensor.pitch_bytes
    assert tensor.pitch_bytes % 16 == 0
    assert tensor.pitch_bytes - tensor.row_bytes < 16


@given(tensors)
def test_slices_begin_at_boundaries(tensor):
    assert tensor.has_aligned_slices
    for each in range(tensor.slices):
        first = list(tensor.positions())[each * tensor.slice_columns]
        assert first * tensor.element.bits % (1 if tensor.slices == 1 else 128) == 0
    if tensor.slices > 1:
        assert tensor.slice_bytes * tensor.slices == tensor.row_bytes


@given(tensors, elements)
def test_other_codes_lie_in_the_same_columns(tensor, element):
    made = tensor.recoded("y", Fixed(11), element)
    assert list(made.positions()) == list(tensor.positions())
    assert (made.depth, made.element, made.name) == (tensor.depth, element, "y")


def test_rows_have_the_batch_innermost():
    assert memory_rows([(B,), (T,)], B) == (T, B)
    assert memory_rows([(T,), (B,)], B) == (T, B)
    assert memory_rows([(B,), (T,)], None) == (B, T)
    assert memory_rows([(T,), ()], B) == (T,)
    assert memory_rows([(B, T)], B) == (T, B)


def lstm_output(element, units, slices=2):
    columns = (Axis(slices, 1), Axis(units, 2))
    return Tensor("y", GRID, element, (T, B), columns, slices)


def test_directions_as_an_axis_and_side_by_side():
    tensor = lstm_output(ElementType.I4, 32)
    direction, units = ((axis,) for axis in tensor.columns)
    apart = PortTensor("y", False, View(tensor, ((T,), direction, (B,), units)))
    assert memory_axes(apart) == MemoryAxes(("T", "B", 2, 32), (0, 2, 1, 3), 16, 2)
    joined = PortTensor("y", False, View(tensor, ((B,), (T,), tensor.columns)))
    assert memory_axes(joined) == MemoryAxes(("T", "B", 64), (1, 0, 2), 32, 1)


def test_a_gap_between_directions_is_no_axis():
    tensor = lstm_output(ElementType.I4, 20)
    with pytest.raises(Refused, match="Q325"):
        memory_axes(PortTensor("y", False, View(tensor, ((T,), (B,), tensor.columns))))
    direction, units = ((axis,) for axis in tensor.columns)
    apart = PortTensor("y", False, View(tensor, ((T,), direction, (B,), units)))
    assert memory_axes(apart).pitch_bytes == 16


def test_axes_of_length_1():
    tensor = Tensor("y", GRID, ElementType.I8, (T, B), (Axis(5, 2),))
    port = PortTensor("y", True, View(tensor, ((B,), (), (T,), tensor.columns)))
    assert memory_axes(port) == MemoryAxes((1, "T", "B", 5), (2, 0, 1, 3), 16, 1)


def test_merged_rows_are_no_axis():
    tensor = Tensor("y", GRID, ElementType.I8, (T, B), (Axis(5, 2),))
    with pytest.raises(Refused, match="Q325"):
        memory_axes(PortTensor("y", False, View(tensor, ((T, B), tensor.columns))))


def test_tokens_and_lengths():
    tokens = PortTensor("ids", True, token_view("ids", Integer(), ((B,), (T,)), B, 32), B)
    assert memory_axes(tokens) == MemoryAxes(("T", "B"), (1, 0), 128, 1)
    lengths = PortTensor("n", True, token_view("n", Integer(), ((B,),), B, 5), B)
    assert memory_axes(lengths) == MemoryAxes(("B",), (0,), 32, 1)
    single = PortTensor("ids", True, token_view("ids", Integer(), ((), (T,)), None, 1))
    assert memory_axes(single) == MemoryAxes(("T", 1), (1, 0), 16, 1)
    assert TWO not in single.tensor.rows
