"""Prefix codes of nibbles: lengths against entropy, words, headers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.numerics.prefix_code import LONGEST, BadStream, PrefixCode, code_for, read_header

COUNTS = st.lists(st.integers(0, 2**20), min_size=16, max_size=16).filter(any)


@given(COUNTS)
def test_a_code_is_complete_short_and_near_entropy(counts):
    code = code_for(counts)
    used = [count for count in counts if count]
    assert [length > 0 for length in code.lengths] == [count > 0 for count in counts]
    assert max(code.lengths) <= LONGEST
    if len(used) > 1:
        shares = np.array(used) / sum(used)
        entropy = -(shares * np.log2(shares)).sum()
        bits = sum(n * length for n, length in zip(counts, code.lengths, strict=True)) / sum(used)
        # Huffman is within a bit of the entropy; the limit of 12 bits costs less than 0.1 here.
        assert entropy - 1e-9 <= bits <= entropy + 1.1


@given(COUNTS)
def test_words_are_a_prefix_code(counts):
    code = code_for(counts)
    texts = [
        format(word, f"0{length}b")
        for word, length in zip(code.words.tolist(), code.lengths, strict=True)
        if length
    ]
    assert len(set(texts)) == len(texts)
    assert not any(a != b and b.startswith(a) for a in texts for b in texts)


def test_equal_counts_take_four_bits_and_rare_ones_more():
    assert code_for([5] * 16).lengths == (4,) * 16
    assert max(code_for([2**i for i in range(16)]).lengths) == LONGEST


@given(COUNTS)
def test_a_header_says_the_code(counts):
    code = code_for(counts)
    header = np.frombuffer(code.header() + b"more", np.uint8)
    assert read_header(header) == code


@pytest.mark.parametrize(
    "lengths", [(0,) * 16, (1, 1, 1) + (0,) * 13, (2, 1) + (0,) * 14, (1, 1, 13) + (0,) * 13]
)
def test_lengths_that_are_no_complete_code(lengths):
    with pytest.raises(BadStream, match="no complete prefix code"):
        PrefixCode(lengths)


def test_a_header_that_ends_early():
    with pytest.raises(BadStream, match="has no header"):
        read_header(np.zeros(7, np.uint8))
