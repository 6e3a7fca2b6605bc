"""parse(render(x)) == x, and what the parser refuses."""

import random

import pytest
from hypothesis import given, settings
from instruction_strategies import any_instruction, instructions
from small_programs import SMALL

from q4compile.errors import TargetError
from q4compile.isa.assembly import parse, render
from q4compile.isa.engine import Precision
from q4compile.isa.instruction import fields_of
from q4compile.isa.instructions import INSTRUCTIONS, Halt, Mm
from q4compile.isa.operand import Address, Scalar


@pytest.mark.parametrize("kind", INSTRUCTIONS, ids=lambda kind: kind.mnemonic)
def test_a_parsed_line_is_what_was_rendered(kind):
    @settings(max_examples=60)
    @given(instructions(kind))
    def holds(x):
        assert parse(render(x)) == x
        assert "\n" not in render(x) and ";" not in render(x)

    holds()


@given(any_instruction())
def test_every_field_may_be_written_out_in_any_order(x):
    words = [f"{f.name}={f.kind.text(getattr(x, f.name))}" for f in fields_of(type(x))]
    random.Random(1).shuffle(words)
    assert parse(f"  {x.mnemonic}  {'   '.join(words)} ; node=9 and more") == x


def test_a_line_as_the_manual_has_it():
    line = (
        "mm to=[A1+0x40] activations=[0x10] weights=[0x80] bias=[0x200] rows=S3 columns=640"
        " depth=160 precision=int4 wait=0,3 post=1 node=2"
    )
    x = Mm(
        Address(0x40, 1),
        Address(0x10),
        Address(0x80),
        Address(0x200),
        Scalar(3),
        640,
        160,
        Precision.INT4,
        wait=0b1001,
        post=0b10,
        node=2,
    )
    assert (render(x), parse(line)) == (line, x)
    assert parse("halt") == Halt()


MM = "mm to=[0x0] activations=[0x10] weights=[0x80] rows=1 columns=640 depth=160 precision=int4"
MISTAKES = {
    "Q331-unknown-mnemonics": ["nm to=[0x0]", "lst to=[0x0]", "; nothing", "MM"],
    "Q332-fields": [
        "mm",
        f"{MM} width=3",
        f"{MM} colums=3",
        f"{MM} rows=2",
        f"{MM} bias",
        MM.replace("rows=1", "rows="),
        MM.replace("int4", "int5"),
        MM.replace("[0x0]", "[A16+0x0]"),
        MM.replace("[0x0]", "[0x10000000]"),
        MM.replace("[0x0]", "0x0"),
        MM.replace("640", "65536"),
        MM.replace("640", "sixty"),
        MM.replace("640", "9" * 5000)[:200],
        MM.replace("rows=1", "rows=S16"),
        f"{MM} wait=1,1",
        f"{MM} wait=16",
        f"{MM} accumulate=true",
        f"{MM} accumulate=yes bias=[0x0]",
        "seta register=A0 offset=0x0",
        "seta register=S1 offset=0x0",
        "bar mask=sq",
        "rq to=[0x0] source=[0x0] multipliers=[0x0] rows=1 columns=1 zero_point=0 lo=-9 hi=7"
        " out=i4",
    ],
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name, golden):
    said = []
    for line in MISTAKES[name]:
        with pytest.raises(TargetError) as caught:
            parse(line, "a.q4s:7")
        assert {finding.code for finding in caught.value.findings} == {name[:4]}
        said.append(f"{line[:100]}\n{caught.value}")
    golden(f"errors/{name}.txt", "\n\n".join(said))


LETTERS = "0123456789,=[]+; x٣²Aay"  # Arabic and raised digits are digits to str.isdigit


def test_spoiled_lines_are_refused_or_read():
    """Never anything but an instruction or a TargetError."""
    source = random.Random(2)
    lines = [render(x) for x in SMALL.code]
    read = 0
    for _ in range(8_000):
        line = list(source.choice(lines))
        for _ in range(source.randrange(1, 4)):
            line[source.randrange(len(line))] = source.choice(LETTERS)
        try:
            x = parse("".join(line))
        except TargetError:
            continue
        read += 1
        assert parse(render(x)) == x
    assert read > 100
