"""A program that is right is accepted; one with one thing wrong is refused and told why."""

from dataclasses import replace

import pytest
from sound_programs import (
    AT,
    BIAS,
    BLOCK,
    IDS,
    NAMED,
    PARTS,
    SOUND,
    TARGET,
    TOKENS,
    W0,
    changed,
    edited,
    with_entry,
    with_part,
)

from q4compile.errors import TargetError
from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Bar, Ldc, Ldd, Loop, Meet, Nop, SetA, SetS
from q4compile.isa.operand import Address, Scalar
from q4compile.isa.program import Expression, Scratch, Symbol
from q4compile.isa.verify import checks, verify
from q4compile.isa.verify.walk import walked

OTHER = 1 << 9
"""A semaphore that is used nowhere else."""
UNUSED = Nop(Engine.MX)


def without_symbol(name):
    return replace(SOUND, symbols=tuple(each for each in SOUND.symbols if each.name != name))


BROKEN = {
    "semaphore-left": changed("last", wait=0),
    "semaphore-left-by-a-loop": changed("load x", wait=0),
    "semaphore-overfull": edited(
        {},
        {
            NAMED["loop"]: [Loop(1, 256, 1), Nop(Engine.VX, post=OTHER)],
            NAMED["last"]: [Loop(0, 256, 1), Nop(Engine.ST, wait=OTHER)],
        },
    ),
    "semaphore-rivals": changed("last", engine=Engine.VX),
    "deadlock-no-giver": changed("second product", post=1 << 2),
    "deadlock-in-a-circle": changed("load scales", wait=1 << 1),
    "deadlock-not-issued": edited(
        {}, {9: [Nop(Engine.MX, wait=OTHER), Bar(0b1000), Nop(Engine.VX, post=OTHER)]}
    ),
    "bounds-sram": changed("store y", source=Address(2**16 - 1)),
    "bounds-port": edited({1: SetA(2, 3, 1, 2)}),
    "bounds-input-written": edited({4: SetA(5, 0, 1, 2)}),
    "bounds-data-written": changed("store y", to=Address(0)),
    "race-in-sram": changed("sums ring", step=0, modulo=0),
    "race-in-dram": edited(
        {NAMED["bar"]: Bar(0b11010)},
        {NAMED["end"]: [SetA(4, 0, 1, 3), Ldd(Address(IDS), Address(0, 4), 1, 5, 0, 0)]},
    ),
    "register-unset": edited({0: SetA(9, 0, 1, 7)}),
    "register-too-large": edited({}, {3: [SetS(15, 2**31 - 1, 1, 1)]}),
    "rows-below-zero": edited({}, {3: [SetS(1, -1)]}),
    "stride-without-loop": changed("x ring", level=1),
    "table-too-long": changed("gather", count=TOKENS + 1),
    "table-of-a-port": edited({47: replace(SOUND.code[47], table=Address(0, 1), count=4000)}),
    "block-not-loaded": changed("step", parameters=Address(BLOCK + 1)),
    "block-damaged": with_part("block", PARTS["block"][:48] + b"\1" + PARTS["block"][49:]),
    "block-of-narrow-cells": changed("step", wide=True),
    "overflow": with_part("bias", (2**31 - 1).to_bytes(4, "little") * 40),
    "overflow-untraced": with_entry(
        0,
        edited(
            {},
            {8: [SetA(9, 0, 1, 4), Ldd(Address(BIAS), Address(0, 9), 1, 160, 0, 0, node=1)]},
        ),
        scratch=(Scratch("late bias", 4, Expression(plus=160)),),
    ),
    "stream-of-another-kind": edited({}, {8: [Ldc(Address(W0), Address(AT["w0"]), 1280, 600)]}),
    "data-unread": replace(
        SOUND,
        data=SOUND.data + b"\1\0\0\1" * 4,
        symbols=(*SOUND.symbols, Symbol("lost", len(SOUND.data) // 16, 16, 1)),
    ),
    "unwritten": changed("load w1", rows=39),
    "data-stray": without_symbol("bias"),
    "walk-too-long": edited({NAMED["loop"]: Loop(0, 2**17, 5)}),
    "walk-without-loop": edited(
        {NAMED["loop"]: Loop(0, Scalar(0), 7)}, {NAMED["last"]: [Loop(1, Scalar(8), 1), UNUSED]}
    ),
}
BROKEN["cores-write-the-same"] = replace(SOUND, cores=2)
BROKEN["cores-differ"] = with_entry(
    1,
    replace(edited({}, {NAMED["end"]: [Loop(0, Scalar(9), 1), Meet(0b11110)]}), cores=2),
    core_register=9,
)
BROKEN["walk-without-loop"] = with_entry(
    0, BROKEN["walk-without-loop"], registers=((8, Expression(("T",), 1, 800, -1)),)
)


def test_the_sound_program_is_accepted():
    verify(SOUND, TARGET)


@pytest.mark.parametrize("name", BROKEN)
def test_one_thing_wrong(name, golden):
    with pytest.raises(TargetError) as caught:
        verify(BROKEN[name], TARGET)
    golden(f"verify/{name}.txt", str(caught.value))


def test_every_check_finds_something():
    """A check that joins needs a program that it refuses."""
    for check in checks.CHECKS:
        assert any(_finds(check, program) for program in BROKEN.values()), check.__module__


def _finds(check, program):
    return next(check(walked(program, TARGET)), None) is not None


def test_checks_are_sorted():
    modules = [check.__module__ for check in checks.CHECKS]
    assert modules == sorted(modules)


def test_what_is_not_sound_is_refused_before_a_walk():
    with pytest.raises(TargetError) as caught:
        verify(replace(SOUND, code=SOUND.code[:-1]), TARGET)
    assert {finding.code for finding in caught.value.findings} == {"Q317"}
