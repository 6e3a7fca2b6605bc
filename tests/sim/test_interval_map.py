from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from q4compile.sim.interval_map import IntervalMap

SIZE = 40
spans = (
    st.tuples(st.integers(0, SIZE), st.integers(0, SIZE))
    .map(sorted)
    .filter(lambda span: span[0] < span[1])
)


@given(st.lists(st.tuples(spans, st.booleans(), st.integers(0, 3))))
def test_it_is_an_array(steps):
    """`set` and `change` against a list with a value per byte."""
    kept, plain = IntervalMap(0), [0] * SIZE
    for (start, stop), is_set, value in steps:
        if is_set:
            kept.set(start, stop, value)
            plain[start:stop] = [value] * (stop - start)
        else:
            kept.change(start, stop, lambda old, value=value: old // 2 + value)
            plain[start:stop] = [old // 2 + value for old in plain[start:stop]]
        pieces = list(kept.pieces(0, SIZE))
        assert [value for first, last, value in pieces for _ in range(first, last)] == plain
        assert all(first < last for first, last, _ in pieces)


@given(st.lists(spans, min_size=1), spans)
def test_pieces_are_clipped_and_adjoin(sets, asked):
    kept = IntervalMap(-1)
    for value, span in enumerate(sets):
        kept.set(*span, value)
    pieces = list(kept.pieces(*asked))
    assert [pieces[0][0], pieces[-1][1]] == asked
    assert all(one[1] == two[0] for one, two in pairwise(pieces))


def test_equal_neighbours_join_when_they_are_changed():
    kept = IntervalMap(0)
    for start in range(0, 20, 2):
        kept.set(start, start + 2, start)
    kept.change(0, 20, lambda _: 7)
    assert list(kept.pieces(0, 20)) == [(0, 20, 7)]
    assert len(kept.starts) == 2
