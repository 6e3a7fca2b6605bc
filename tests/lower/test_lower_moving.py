"""Axes of views: shapes that group what memory has, and those that would have to split it."""

import pytest

from q4compile.lower.findings import Refused
from q4compile.lower.layout.axes import Axis, Extent
from q4compile.lower.select.moving import regrouped

T, B = Axis("T"), Axis("B")
TWO, H, HEADS = Axis(2, 1), Axis(160, 2), Axis(4, 3)


def sizes(*wanted):
    return [Extent(each) if isinstance(each, int) else Extent.of(each) for each in wanted]


@pytest.mark.parametrize(
    ("before", "target", "after"),
    [
        ([(T,), (B,), (TWO,), (H,)], (0, 0, -1), [(T,), (B,), (TWO, H)]),
        ([(T,), (B,), (TWO,), (H,)], ("T", "B", 320), [(T,), (B,), (TWO, H)]),
        ([(T,), (B,), (TWO, H)], ("T", -1, 2, 160), [(T,), (B,), (TWO,), (H,)]),
        ([(B,), (T,), (H,)], (-1, 160), [(B, T), (H,)]),
        ([(B, T), (H,)], ("B", "T", 160), [(B,), (T,), (H,)]),
        ([(B,), (), (H,)], (0, 160), [(B,), (H,)]),
        ([(B,), (H,)], (0, 1, 1, -1), [(B,), (), (), (H,)]),
        ([(B,), (H,)], (-1,), [(B, H)]),
        ([(B,), (H,)], ("B", -1, 160), [(B,), (), (H,)]),
    ],
)
def test_shapes_that_group(before, target, after):
    assert regrouped(before, sizes(*target)) == after


@pytest.mark.parametrize(
    ("before", "target"),
    [
        ([(B,), (H,)], (0, 4, 40)),
        ([(B,), (H,)], (0, -1, 40)),
        ([(T,), (B,), (H,)], ("B", "T", 160)),
        ([(B,), (H,)], ("B",)),
        ([(B,), (H,)], ("T", 160)),
    ],
)
def test_shapes_that_split(before, target):
    with pytest.raises(Refused, match="Q325"):
        regrouped(before, sizes(*target))


def test_zero_is_a_size_where_it_is_allowed():
    with pytest.raises(Refused):
        regrouped([(B,), (H,)], sizes(0, 160), keeps_zeros=True)
