"""Characters to ids and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.errors import DataError
from q4compile.speech.vocabulary import AN4, BLANK, Vocabulary

texts = st.text(alphabet="".join(AN4.symbols[1:]))


def test_an4_has_29_symbols_and_the_blank_first():
    assert len(AN4) == 29
    assert AN4.encode(" AZ'") == [1, 2, 27, 28]


@given(texts)
def test_decode_undoes_encode(text):
    ids = AN4.encode(text)
    assert BLANK not in ids
    assert AN4.decode(ids) == text


@given(texts, st.lists(st.integers(0, 20), max_size=5))
def test_blanks_say_nothing(text, places):
    ids = AN4.encode(text)
    for place in places:
        ids.insert(place, BLANK)
    assert AN4.decode(ids) == text


@given(st.text())
def test_unknown_names_exactly_the_characters_that_cannot_be_encoded(text):
    unknown = AN4.unknown(text)
    assert unknown == {character for character in text if character not in AN4.symbols}
    if unknown:
        with pytest.raises(DataError, match="Q504"):
            AN4.encode(text)


def test_the_blank_s_own_name_is_no_character():
    assert AN4.unknown("<blank>") == set("<blank>")


@pytest.mark.parametrize(
    ("slug", "text"), [("lower-case", "yes, sir"), ("foreign", "CAFÉ 24"), ("lower-only", "yes")]
)
def test_unknown_characters(golden, slug, text):
    with pytest.raises(DataError) as caught:
        AN4.encode(text)
    golden(f"errors/Q504-{slug}.txt", str(caught.value))


@pytest.mark.parametrize(
    ("slug", "symbols"),
    [
        ("no-blank", ("A", "B")),
        ("empty", ()),
        ("repeated", ("<blank>", "A", "B", "A")),
        ("word-piece", ("<blank>", "A", "ING")),
    ],
)
def test_vocabulary_must_be_characters(golden, slug, symbols):
    with pytest.raises(DataError) as caught:
        Vocabulary(symbols)
    golden(f"errors/Q504-vocabulary-{slug}.txt", str(caught.value))
