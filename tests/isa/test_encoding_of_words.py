"""decode(encode(x)) == x, encode(decode(w)) == w, and strictness, for every instruction."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instruction_strategies import any_instruction, instructions
from small_programs import SMALL

from q4compile.errors import TargetError
from q4compile.isa import instructions as registry
from q4compile.isa.element_type import ElementType
from q4compile.isa.encoding import MAX_FINDINGS, decode, decode_word, encode, encode_word
from q4compile.isa.engine import Engine, Precision
from q4compile.isa.instruction import OutOfRange, fields_of
from q4compile.isa.instructions import BY_MNEMONIC, BY_OP, INSTRUCTIONS, Bar, Lstm, Mm, Nop, Rq
from q4compile.isa.kind import Refused
from q4compile.isa.operand import Address, Scalar
from q4compile.isa.plain_kinds import Number
from q4compile.isa.word import MEMBERS, WIDTH_BITS, WORD_BYTES, Slot, Word, bytes_of, words_of

ALL = pytest.mark.parametrize("kind", INSTRUCTIONS, ids=lambda kind: kind.mnemonic)


def test_the_registry_is_sorted_whole_and_without_doubles():
    names = [kind.__name__ for kind in INSTRUCTIONS]
    assert names == sorted(names)
    assert len(BY_OP) == len(BY_MNEMONIC) == len(INSTRUCTIONS)
    assert set(registry.__all__) == {*names, "BY_MNEMONIC", "BY_OP", "INSTRUCTIONS"}
    assert [kind.mnemonic for kind in INSTRUCTIONS] == [name.lower() for name in names]
    assert 0 not in BY_OP  # erased memory is no program


@ALL
def test_each_states_its_equation_and_what_its_fields_mean(kind):
    assert kind.__doc__ and not kind.__doc__.startswith(f"{kind.__name__}(")
    assert all(field.meaning and field.kind.says for field in fields_of(kind))


@ALL
def test_a_decoded_word_is_what_was_encoded(kind):
    @settings(max_examples=60)
    @given(instructions(kind))
    def holds(x):
        word = encode_word(x)
        assert decode_word(word) == x
        assert words_of(bytes_of([word])) == [word]

    holds()


@ALL
def test_one_bit_makes_another_instruction_or_none(kind):
    """No two words mean the same."""

    @settings(max_examples=5)
    @given(instructions(kind))
    def holds(x):
        word = encode_word(x)
        for index, member in enumerate(MEMBERS):
            for bit in range(WIDTH_BITS[member]):
                other = word._replace(**{member: word[index] ^ 1 << bit})
                found = decoded(other)
                assert found is None or (found != x and encode_word(found) == other)

    holds()


def decoded(word):
    try:
        return decode_word(word)
    except Refused:
        return None


def test_words_that_decode_encode_to_themselves():
    """Words of random members, of random ops, and valid ones with members replaced."""
    source = random.Random(1)
    valid = [encode_word(x) for x in SMALL.code]
    outcomes = {True: 0, False: 0}
    for _ in range(20_000):
        word = source.choice(valid)
        for _ in range(source.randrange(1, 4)):
            member = source.choice(MEMBERS)
            bits = source.randrange(1, WIDTH_BITS[member] + 1)
            word = word._replace(**{member: source.getrandbits(bits)})
        found = decoded(word)
        outcomes[found is not None] += 1
        assert found is None or encode_word(found) == word
    assert min(outcomes.values()) > 2000


def test_the_bits_of_a_word_go_by_name():
    assert [str(Slot(*each)) for each in SLOTS] == list(SLOTS.values())


SLOTS = {
    ("a",): "a",
    ("d", 16, 16): "d[31:16]",
    ("flags", 15, 1): "flags[15]",
    ("k", 5): "k[15:5]",
    ("kind", 0, 3): "engine",
    ("kind", 3, 3): "precision",
}


def test_where_the_fields_of_a_product_lie():
    """Checked against the table of the format, bit by bit, not against the code."""
    x = Mm(
        to=Address(0x0123456, 1),
        activations=Address(2, 15),
        weights=Address(3),
        bias=Address(4, 2),
        rows=Scalar(9),
        columns=640,
        depth=161,
        precision=Precision.W4A8,
        wait=0b1001,
        post=0b10,
        node=7,
    )
    assert encode([x]).hex(" ") == (
        "30 1b 07 00 09 00 02 00 56 34 12 10 02 00 00 f0 03 00 00 00"
        " 09 00 80 02 a1 00 02 80 04 00 00 20"
    )


def test_the_words_of_a_program_stay_what_they_are(golden):
    """Programs outlive compilers: a word once given out keeps its meaning."""
    assert {type(x) for x in SMALL.code} == set(INSTRUCTIONS)
    golden("isa/words.txt", "\n".join(encode([x]).hex() for x in SMALL.code))


@ALL
def test_a_field_out_of_range_is_named(kind):
    @settings(max_examples=5)
    @given(instructions(kind))
    def holds(x):
        values = {field.name: getattr(x, field.name) for field in fields_of(kind)}
        for field in fields_of(kind):
            wrong = [None] if field.default is not None else ["none"]
            if isinstance(field.kind, Number):
                wrong += [field.kind.lo - 1, field.kind.hi + 1, 1.0, True]
            for value in wrong:
                with pytest.raises(ValueError, match=f"{kind.mnemonic}: {field.name} must be"):
                    kind(**values | {field.name: value})

    holds()


@pytest.mark.parametrize(
    "field, make",
    [
        ("wait", lambda: Bar(2, wait=1)),
        ("post", lambda: Bar(2, post=1)),
        ("mask", lambda: Bar(0)),
        ("mask", lambda: Bar(3)),
        ("engine", lambda: Nop(Engine.SQ)),
        ("bias", lambda: Mm(*[Address(0)] * 4, 1, 1, 1, Precision.INT4, True)),
        ("precision", lambda: Mm(*[Address(0)] * 3, None, 1, 1, 1, Precision.NONE)),
        ("units", lambda: Lstm(*[Address(0)] * 4, 1, 3, 0, ElementType.I4)),
        ("step", lambda: Lstm(*[Address(0)] * 4, 1, 2, 1, ElementType.I4)),
        ("lo", lambda: Rq(*[Address(0)] * 3, 1, 1, 0, -9, 7, ElementType.I4)),
        ("hi", lambda: Rq(*[Address(0)] * 3, 1, 1, 0, -8, 8, ElementType.I4)),
        ("lo", lambda: Rq(*[Address(0)] * 3, 1, 1, 0, 2, 1, ElementType.I8)),
        ("out", lambda: Rq(*[Address(0)] * 3, 1, 1, 0, 0, 1, ElementType.F16)),
        ("hi", lambda: Rq(*[Address(0)] * 3, 1, 1, 0, 0, 1, ElementType.I32)),
        ("lo", lambda: Rq(*[Address(0)] * 3, 1, 1, 0, -1, 0, ElementType.I32)),
        ("zero_point", lambda: Rq(*[Address(0)] * 3, 1, 1, 1, 0, 0, ElementType.I32)),
        ("wide", lambda: Lstm(*[Address(0)] * 4, 1, 2, 0, ElementType.F16, wide=True)),
        ("to", lambda: Lstm(*[Address(0, 16)] * 4, 1, 2, 0, ElementType.I4)),
        ("to", lambda: Lstm(*[Address(2**28)] * 4, 1, 2, 0, ElementType.I4)),
        ("rows", lambda: Lstm(*[Address(0)] * 4, Scalar(16), 2, 0, ElementType.I4)),
    ],
)
def test_fields_that_do_not_go_together(field, make):
    with pytest.raises(OutOfRange) as caught:
        make()
    assert caught.value.field == field


WORD = encode_word(SMALL.code[8])  # a product with a bias
LOOP = encode_word(SMALL.code[7])  # of S0 iterations
MISTAKES = {
    "Q320-words": [
        Word(),
        WORD._replace(op=0xFF),
        WORD._replace(kind=WORD.kind ^ 1),
        WORD._replace(kind=WORD.kind | 0x40),
        WORD._replace(kind=WORD.kind & 7),
        WORD._replace(flags=WORD.flags | 0x10),
        WORD._replace(flags=0),
        WORD._replace(flags=WORD.flags | 1),
        WORD._replace(flags=WORD.flags | 0x8000, m=16),
        LOOP._replace(a=1),
        LOOP._replace(flags=0, k=1),
        LOOP._replace(n=0),
        LOOP._replace(m=4),
        LOOP._replace(wait=1),
        encode_word(Rq(*[Address(0)] * 3, 1, 1, 0, -8, 7, ElementType.I4))._replace(d=7),
    ]
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name, golden):
    with pytest.raises(TargetError) as caught:
        decode(bytes_of(MISTAKES[name]), "a.q4p, CODE")
    golden(f"errors/{name}.txt", str(caught.value))


def test_code_that_is_no_whole_words(golden):
    with pytest.raises(TargetError) as caught:
        decode(bytes(WORD_BYTES + 1), "a.q4p, CODE")
    golden("errors/Q320-half-a-word.txt", str(caught.value))


def test_findings_are_not_endless():
    with pytest.raises(TargetError) as caught:
        decode(bytes(WORD_BYTES * 1000), "x")
    assert len(caught.value.findings) == MAX_FINDINGS


@given(st.lists(any_instruction(), max_size=5))
def test_code_of_many_words(code):
    assert decode(encode(code), "x") == tuple(code)
