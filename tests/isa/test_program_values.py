"""What a host computes from META."""

from fractions import Fraction
from math import ceil, prod

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_programs import SMALL

from q4compile.isa.program import Expression

SIZES = {"T": st.integers(0, 10**6), "B": st.integers(0, 100)}


@given(
    st.fixed_dictionaries(SIZES),
    st.lists(st.sampled_from(sorted(SIZES)), max_size=3),
    st.integers(0, 1000),
    st.integers(1, 1000),
    st.integers(-9, 9),
)
def test_expressions(sizes, product, times, divide, plus):
    exact = Fraction(prod(sizes[name] for name in product) * times, divide)
    assert Expression(tuple(product), times, divide, plus).value(sizes) == ceil(exact) + plus


def test_a_size_that_is_missing():
    with pytest.raises(KeyError):
        Expression(("T",)).value({"B": 1})


def test_entries_and_sizes_by_name():
    assert SMALL.entry("joint") is SMALL.entries[1]
    with pytest.raises(KeyError):
        SMALL.entry("decoder")
    assert SMALL.entry("encoder").sizes({"T": 7, "B": 2}) == {"T": 7, "B": 2, "half": 4, "more": 4}
