"""Sizes as products of names, and what a time reduction makes of them."""

from hypothesis import given
from hypothesis import strategies as st

from q4compile.isa.program import Expression
from q4compile.lower.layout.axes import Axis, Extent, Sizes

names = st.lists(st.sampled_from(["B", "T", "U"]), max_size=3).map(lambda each: tuple(sorted(each)))
extents = st.builds(Extent, st.integers(1, 100), names)
SIZES = {"B": 3, "T": 7, "U": 5}


@given(extents, extents, st.integers(1, 9))
def test_extents_multiply_as_their_values_do(one, other, factor):
    assert (one * other).value(SIZES) == one.value(SIZES) * other.value(SIZES)
    assert one.scaled(factor).value(SIZES) == factor * one.value(SIZES)
    assert one * other == other * one
    assert one.expression.value(SIZES) == one.value(SIZES)


def test_a_constant_extent():
    assert Extent(6).constant == 6
    assert Extent(6, ("B",)).constant is None
    assert str(Extent(6, ("B", "T"))) == "6 · B · T"
    assert (str(Extent()), str(Extent(1, ("T",)))) == ("1", "T")


def test_memory_has_whole_rows_of_frames_where_these_are_put_side_by_side():
    sizes = Sizes(["B", "T"])
    assert sizes.extent((Axis("T"), Axis("B"))) == Extent(1, ("B", "T"))
    half = sizes.reduced("T", 2)
    sixth = sizes.reduced(half, 3)
    assert (half, sixth) == ("ceil(T/2)", "ceil(ceil(T/2)/3)")
    assert sizes.extent((Axis("T"), Axis("B"))) == Extent(1, ("B", "T"))
    sizes.filled |= {"T", half}
    assert sizes.extent((Axis("T"), Axis("B"))) == Extent(6, ("B", sixth))
    assert sizes.extent((Axis(half),)) == Extent(3, (sixth,))
    assert sizes.extent((Axis(sixth), Axis(4, 1))) == Extent(4, (sixth,))


def test_one_reduction_of_a_size():
    sizes = Sizes(["T"])
    assert sizes.reduced("T", 2) == sizes.reduced("T", 2) == "ceil(T/2)"
    assert sizes.reduced("T", 3) is None


def test_dimensions_are_named_once():
    sizes = Sizes()
    for name in ("B", "T", "B"):
        sizes.add(name)
    assert sizes.dimensions == ["B", "T"]
    assert Extent(2, ("B",)).expression == Expression(("B",), 2)
