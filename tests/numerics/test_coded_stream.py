"""Coded streams: round trips, their length, streams that are none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.numerics.coded_stream import FIXED_BYTES, MOST, decode, encode, read_section
from q4compile.numerics.compiled_coded_stream import decode as compiled_decode
from q4compile.numerics.prefix_code import HEADER_BYTES, BadStream

DECODERS = pytest.mark.parametrize("decoder", [decode, compiled_decode])
FIELDS = st.lists(st.binary(max_size=120), max_size=4)


def array(data):
    return np.frombuffer(data, np.uint8)


def stream_of(*fields):
    return encode([array(each) for each in fields])


@DECODERS
@given(fields=FIELDS, zeros=st.integers(0, 20))
def test_decode_undoes_encode(decoder, fields, zeros):
    data = b"".join(fields)
    assert decoder(array(stream_of(*fields) + bytes(zeros)), len(data)).tobytes() == data


def test_one_nibble_takes_one_bit():
    assert len(stream_of(bytes([0x33] * 80))) == FIXED_BYTES + HEADER_BYTES + 20


def test_codes_of_four_bits_are_near_their_entropy():
    codes = np.clip(np.random.default_rng(0).normal(0, 2.5, 40000).round(), -7, 7).astype(int) & 15
    shares = np.bincount(codes, minlength=16)[np.unique(codes)] / codes.size
    entropy_bytes = -(shares * np.log2(shares)).sum() * codes.size / 8
    packed = (codes[0::2] | codes[1::2] << 4).astype(np.uint8)
    assert entropy_bytes < len(encode([packed])) < 1.02 * entropy_bytes


def test_words_of_four_bytes_take_a_code_for_each_byte():
    """High bytes of small numbers are all alike, low ones are not."""
    numbers = np.random.default_rng(0).integers(0, 2**9, 400).astype("<i4").view(np.uint8)
    stream = encode([numbers])
    assert len(read_section(array(stream), 0, numbers.size).codes) == 4
    assert len(stream) < 0.5 * numbers.size


def test_no_bytes_are_no_stream():
    assert encode([]) == encode([array(b"")]) == b""
    assert decode(array(b""), 0).size == compiled_decode(array(b""), 0).size == 0


def test_a_field_longer_than_a_section():
    data = np.zeros(MOST + 5, np.uint8)
    assert np.array_equal(compiled_decode(array(encode([data])), data.size), data)


@DECODERS
@given(data=st.binary(min_size=40, max_size=80), cut=st.integers(1, 40))
def test_a_truncated_stream_is_refused(decoder, data, cut):
    with pytest.raises(BadStream):
        decoder(array(stream_of(data)[:-cut]), len(data))


@DECODERS
@given(data=st.binary(min_size=1, max_size=80), more=st.binary(max_size=9))
def test_only_zeros_may_follow(decoder, data, more):
    with pytest.raises(BadStream, match="end at byte"):
        decoder(array(stream_of(data) + more + b"x"), len(data))


@DECODERS
@given(data=st.binary(min_size=2, max_size=80), other=st.integers(1, 400))
def test_another_number_of_bytes_is_refused(decoder, data, other):
    if other != len(data):
        with pytest.raises(BadStream):
            decoder(array(stream_of(data)), other)


def outcome(decoder, stream, count):
    try:
        return decoder(array(stream), count).tobytes()
    except BadStream:
        return None


@given(stream=st.binary(max_size=60), count=st.integers(1, 80))
def test_any_bytes_decode_or_are_refused_alike(stream, count):
    assert outcome(compiled_decode, stream, count) == outcome(decode, stream, count)


@given(FIELDS, st.integers(0, 2**16), st.integers(0, 255))
def test_a_stream_with_another_byte_is_decoded_or_refused_alike(fields, at, byte):
    stream = bytearray(stream_of(*fields))
    if stream:
        stream[at % len(stream)] = byte
    count = sum(map(len, fields))
    ours = outcome(compiled_decode, bytes(stream), count)
    assert ours == outcome(decode, bytes(stream), count)
    assert ours is None or len(ours) == count
