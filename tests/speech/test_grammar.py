"""Sentences the grammar makes are of the kind it says, and of characters the model can write."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from q4compile.speech.grammar import (
    COMMANDS,
    DIGITS,
    FEW_NAMES,
    MONTHS,
    ORDINALS,
    TEENS,
    TENS,
    names_to_spell,
    number_words,
    sentences,
)
from q4compile.speech.vocabulary import AN4

KNOWN = {
    *(*COMMANDS, *DIGITS, *MONTHS, *TEENS, *TENS, "OH", "HUNDRED", "THOUSAND", "AND"),
    *("AREA", "CODE"),
    *(word for ordinal in ORDINALS for word in ordinal.split()),
}


def value(words):
    """The number that English words name: an interpreter that shares nothing with the grammar."""
    total = part = 0
    plain = dict(zip((*DIGITS, *TEENS), range(20), strict=True)) | {
        word: 20 + 10 * place for place, word in enumerate(TENS)
    }
    for word in words.split():
        if word == "HUNDRED":
            part *= 100
        elif word == "THOUSAND":
            total, part = total + part * 1000, 0
        else:
            part += plain[word]
    return total + part


def test_every_number_is_named():
    names = [number_words(number) for number in range(10_000)]
    assert [value(name) for name in names] == list(range(10_000))
    assert names[2552] == "TWO THOUSAND FIVE HUNDRED FIFTY TWO"
    assert len(set(names)) == 10_000


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32))
def test_sentences_are_letters_and_known_words(seed):
    for sentence in sentences(np.random.default_rng(seed), 50):
        words = sentence.split()
        assert words
        assert sentence == " ".join(words)
        assert AN4.unknown(sentence) == set()
        assert all(len(word) == 1 or word in KNOWN for word in words), sentence


def test_seed_fixes_the_sentences():
    def drawn(seed):
        return sentences(np.random.default_rng(seed), 200, FEW_NAMES)

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


DIGIT = f"(?:OH|{'|'.join(DIGITS)})"
SHAPES = {
    "command": "|".join(COMMANDS),
    "enter a number": f"ENTER {DIGIT}( {DIGIT})*",
    "erase a code": f"(ERASE|RUBOUT) [A-Z]( [A-Z])* {DIGIT}( {DIGIT})*",
    "code": f"[A-Z]( [A-Z])* {DIGIT}( {DIGIT})*",
    "spelled": "[A-Z]( [A-Z]){2,}",
    "street": ".* S T R E E T",
    "house and street": f"{DIGIT}( {DIGIT})* [A-Z]( [A-Z])+",
    "zip code": f"{DIGIT}( {DIGIT}){{4}}",
    "telephone": f"{DIGIT}( {DIGIT}){{6}}",
    "telephone with area": f"{DIGIT}( {DIGIT}){{9}}",
    "area code": f"AREA CODE {DIGIT}( {DIGIT}){{9}}",
    "date": f"({'|'.join(MONTHS)}) ({'|'.join(ORDINALS)}) NINETEEN .*",
    "date in numbers": "(ONE|TWO|TEN|TWELVE) (ONE|TWO|TEN|THIRTY|THIRTY ONE) NINETEEN .*",
    "pair": f"({'|'.join(TENS)}) ({'|'.join(TENS)})",
    "hundreds": ".* HUNDRED AND .*",
    "thousands": ".* THOUSAND .*",
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_every_kind_occurs(shape):
    found = sentences(np.random.default_rng(6), 5000, FEW_NAMES)
    assert any(re.fullmatch(shape, sentence) for sentence in found)


def test_names_come_from_the_word_list(tmp_path):
    (tmp_path / "words").write_text("Aachen\nAachen's\nabacus\nAl\nÅngström\nNASA\nZoe\nZoe\n")
    assert names_to_spell(tmp_path / "words") == ("AACHEN", "ZOE")


@pytest.mark.parametrize("text", [None, "", "abacus\n"])
def test_without_a_word_list_there_are_names_all_the_same(tmp_path, text):
    if text is not None:
        (tmp_path / "words").write_text(text)
    assert names_to_spell(tmp_path / "words") == FEW_NAMES
    assert len(FEW_NAMES) > 100
    assert all(name.isalpha() and name.isupper() for name in FEW_NAMES)
