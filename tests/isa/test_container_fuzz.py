"""Spoiled program files: a TargetError, or a program that comes back byte for byte."""

import random

import pytest
from program_mutants import FILE, PLAIN, SEALED, survives, text

from q4compile.errors import TargetError
from q4compile.isa.container import parse_program
from q4compile.isa.header import HEADER_BYTES


@pytest.mark.parametrize("length", range(0, HEADER_BYTES + 1, 8))
def test_no_header_that_is_cut_is_read(length):
    with pytest.raises(TargetError, match=r"Q31[01]"):
        parse_program(FILE[:length])


def test_every_truncation_is_refused():
    for length in range(len(FILE)):
        with pytest.raises(TargetError, match=r"Q31[01]"):
            parse_program(FILE[:length])


def test_every_bit_of_the_header_counts():
    for bit in range(8 * HEADER_BYTES):
        data = bytearray(FILE)
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(TargetError, match=r"Q31[0-2]"):
            parse_program(bytes(data))


@pytest.mark.parametrize("mutate", PLAIN, ids=lambda mutate: mutate.__name__)
def test_what_checksums_do_not_cover_is_refused_too(mutate):
    source = random.Random(1)
    assert sum(survives(mutate, source) for _ in range(500)) == 0


@pytest.mark.parametrize("mutate", (*SEALED, text), ids=lambda mutate: mutate.__name__)
def test_behind_right_checksums_it_is_refused_or_a_program(mutate):
    source = random.Random(2)
    read = sum(survives(mutate, source) for _ in range(600))
    assert read < 600
    assert read > 0 or mutate.__name__ == "sealed_header"
