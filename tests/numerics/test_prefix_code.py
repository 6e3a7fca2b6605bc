"""Lossless coding of nibbles: round trips, lengths against entropy, streams that are none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.numerics.compiled_prefix_code import compiled_decode
from q4compile.numerics.prefix_code import (
    HEADER_BYTES,
    LONGEST,
    BadStream,
    code_for,
    decode,
    encode,
)

DECODERS = pytest.mark.parametrize("decoder", [decode, compiled_decode])
COUNTS = st.lists(st.integers(0, 2**20), min_size=16, max_size=16).filter(any)


def array(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


@DECODERS
@given(data=st.binary(max_size=300))
def test_decode_undoes_encode(decoder, data):
    assert decoder(array(encode(array(data))), len(data)).tobytes() == data


@DECODERS
@given(data=st.binary(min_size=1, max_size=100), more=st.binary(max_size=20))
def test_what_follows_is_not_looked_at(decoder, data, more):
    stream = encode(array(data)) + more
    assert decoder(array(stream), len(data)).tobytes() == data


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


def test_one_nibble_takes_one_bit():
    stream = encode(np.full(80, 0x33, np.uint8))
    assert len(stream) == HEADER_BYTES + 20


@DECODERS
@given(data=st.binary(min_size=40, max_size=80), cut=st.integers(1, 40))
def test_a_truncated_stream_is_refused(decoder, data, cut):
    stream = encode(array(data))
    with pytest.raises(BadStream):
        decoder(array(stream[:-cut]), len(data))


@DECODERS
@given(stream=st.binary(max_size=60), count=st.integers(1, 80))
def test_any_bytes_decode_or_are_refused_alike(decoder, stream, count):
    def outcome(one):
        try:
            return one(array(stream), count).tobytes()
        except BadStream:
            return None

    assert outcome(decoder) == outcome(decode)
