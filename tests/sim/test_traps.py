"""What stops a machine, as the user reads it; and that nothing else does."""

import random

import numpy as np
import pytest
from on_machine import SRAM_BYTES, byte_port, image, program_of, stopped
from random_words import random_words

from q4compile.errors import TargetError
from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Precision
from q4compile.isa.instructions import (
    Copy,
    Fill,
    Gath,
    Halt,
    Ldc,
    Ldd,
    Loop,
    Lut,
    Mm,
    Rq,
    SetA,
    Std,
)
from q4compile.isa.operand import Address, Scalar
from q4compile.sim.simulator import Simulator

LAST = SRAM_BYTES // 16 - 1


def test_bounds(golden):
    """Of an operand at A3, with its node."""
    words = [SetA(3, 0x1F0), Lut(Address(0), Address(8, 3), Address(0), 2, 64, node=1), Halt()]
    stop = stopped(words, image(0), nodes=("", "/encoder/l0/Tanh"))
    golden("errors/Q360-bounds.txt", stop.render())


@pytest.mark.parametrize(
    ("word", "need"),
    [
        (Ldd(Address(LAST), Address(0), 2, 16, 16, 16), "to within the 8192 bytes of sram"),
        (Ldd(Address(0), Address(LAST), 2, 16, 16, 9000), "source within the 16384 bytes of dram"),
        (Std(Address(2 * LAST), Address(0), 1, 49, 0, 0), "to within the 16384 bytes of dram"),
        (Fill(Address(0), Scalar(0), 1, 1, 0), "to within the 8192 bytes of sram"),
        (Copy(Address(0), Address(LAST), 1, 17, 0, 0), "source within the 8192 bytes of sram"),
        (Gath(Address(0), Address(0), Address(LAST), 5, 1, 1, 1), "ids within the 8192 bytes of"),
        (
            Mm(*(Address(0),) * 3, Address(LAST), 1, 5, 1, Precision.INT4),
            "bias within the 8192 bytes of sram",
        ),
        (
            Rq(*(Address(0),) * 2, Address(LAST), 1, 5, 0, 0, 0, ElementType.I4),
            "multipliers within the 8192 bytes of sram",
        ),
    ],
)
def test_every_operand_has_bounds(word, need):
    finding = stopped([word], image(0), scalars=[2**31 - 1])
    assert finding.code == "Q360"
    assert finding.need.startswith(need)


@pytest.mark.parametrize(
    "word",
    [
        Ldd(Address(LAST), Address(2 * LAST), 1, 16, 0, 0),
        Std(Address(2 * LAST), Address(LAST), 1, 16, 0, 0),
        Fill(Address(LAST), 1, 16, 0, 0),
        Fill(Address(2**28 - 1), 1, 0, 0, 0),
        Ldd(Address(2**28 - 1), Address(2**28 - 1), 0, 16, 0, 0),
        Mm(*(Address(2**28 - 1),) * 3, None, 0, 5, 5, Precision.INT8),
    ],
)
def test_the_last_byte_is_there_and_nothing_is_everywhere(word):
    program = program_of([word, Halt()], bytes(2 * SRAM_BYTES))
    Simulator(program, sram_bytes=SRAM_BYTES).run("main", {})


def test_id(golden):
    sram = np.zeros(SRAM_BYTES, np.uint8)
    sram[4] = 46
    word = Gath(Address(16), Address(0), Address(0), 2, 16, 16, 46)
    golden("errors/Q365-id.txt", stopped([word], sram).render())


def test_stream(golden):
    """Of zeros, which say that a section has no bytes."""
    word = Ldc(Address(0), Address(0), 64, 40)
    golden("errors/Q371-stream.txt", stopped([word], np.zeros(SRAM_BYTES, np.uint8)).render())


def test_structure(golden):
    golden("errors/Q362-level.txt", stopped([Loop(0, 2, 1), Loop(0, 2, 1), Halt()]).render())


def test_number(golden):
    words = [SetA(3, 5, -1, 0), Halt()]
    golden("errors/Q363-register.txt", stopped(words, scalars=[6]).render())


def test_parameters(golden):
    sram = np.full(SRAM_BYTES, 0xFF, np.uint8)
    word = Rq(*(Address(0),) * 3, 1, 5, 0, 0, 0, ElementType.I4)
    golden("errors/Q368-multiplier.txt", stopped([word], sram).render())


@pytest.mark.parametrize("batch", range(8))
def test_any_words_in_any_order_end_or_are_stopped(batch):
    """4000 programs: nothing but a TargetError comes out, and it is the same on both kernels."""
    ends = [outcome(random.Random(500 * batch + k)) for k in range(500)]
    assert 50 < ends.count("end") < 450, "the programs say nothing"


def outcome(rng):
    """``end`` or the code of what stopped it."""
    words = [*random_words(rng), Halt()]
    data, scalars = image(rng.randrange(9), 4096).tobytes(), [3, 1, 70, -1, 2**31 - 1]
    program = program_of(words, data, [byte_port("x", 14, 64)], scalars)
    given = {"seed": rng.choice([None, 5]), "check_races": rng.random() < 0.5, "max_words": 200}
    results = []
    for plain in (False, True):
        simulator = Simulator(program, sram_bytes=4096, plain=plain)
        try:
            results.append(("end", simulator.run("main", {}, **given).codes["x"].tolist()))
        except TargetError as problem:
            results.append((problem.findings[0].code, problem.findings))
    assert results[0] == results[1]
    assert results[0][0] in {"end", "Q371", *(f"Q36{k}" for k in range(10))}
    return results[0][0]
