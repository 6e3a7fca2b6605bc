"""Loops, strides, rings and registers, seen through what Fill and SetA leave in memory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from on_machine import EVERYTHING, after, program_of, stopped

from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import (
    INSTRUCTIONS,
    Bar,
    Fill,
    Halt,
    Loop,
    Nop,
    SetA,
    SetS,
    Stride,
)
from q4compile.isa.operand import MAX_UNITS, Address, Scalar
from q4compile.sim.execute import EXECUTORS
from q4compile.sim.sequencing import CONTROLS
from q4compile.sim.simulator import simulate

SRAM = np.zeros(8192, np.uint8)


def filled(held):
    """The units whose first byte is not 0, with that byte."""
    return {int(at): int(held[16 * at]) for at in np.flatnonzero(held[::16])}


def mark(register, value=1, offset=0):
    return Fill(Address(offset, register), 1, 1, 0, value)


def marks(words, **given):
    return filled(after(words, SRAM, **given))


def test_each_instruction_has_one_function():
    assert set(EXECUTORS) | set(CONTROLS) == set(INSTRUCTIONS)
    assert not set(EXECUTORS) & set(CONTROLS)
    assert all(kind.engine is Engine.SQ for kind in CONTROLS)


def test_a_stride_adds_after_each_iteration_and_the_register_keeps_its_value():
    words = [SetA(1, 10), Stride(1, 0, 3), Loop(0, 4, 1), mark(1), mark(1, 9)]
    assert marks(words) == {10: 1, 13: 1, 16: 1, 19: 1, 22: 9}


def test_a_stride_is_for_one_loop():
    words = [SetA(1, 10), Stride(1, 0, 3), Loop(0, 2, 1), mark(1), Loop(0, 2, 1), mark(1, 2)]
    assert marks(words) == {10: 1, 13: 1, 16: 2}


@pytest.mark.parametrize("count", [0, Scalar(2)])
def test_a_loop_of_0_iterations_takes_its_strides_along(count):
    words = [SetA(1, 10), Stride(1, 0, 3), Loop(0, count, 2), mark(1), mark(1)]
    assert marks([*words, mark(1, 7), Loop(0, 2, 1), mark(1, 8)]) == {10: 8}


def test_a_stride_waits_for_a_loop_of_its_level():
    words = [SetA(1, 10), Stride(1, 1, 3), Loop(0, 2, 3), mark(1), Loop(1, 2, 1), mark(1, 2)]
    assert marks(words) == {10: 2, 13: 2, 16: 2}


def test_the_last_stride_of_a_register_holds():
    words = [SetA(1, 10), Stride(1, 0, 3), Stride(1, 0, 5), Loop(0, 2, 1), mark(1)]
    assert marks(words) == {10: 1, 15: 1}


def test_a_ring():
    """Steps of 2 in a ring of 6 units that begins at 10."""
    words = [SetA(1, 10), Stride(1, 0, 2, modulo=6), SetA(2, 100), Stride(2, 0, 1)]
    words += [Loop(0, 5, 1), mark(1), mark(1, 9)]
    assert marks(words) == {10: 1, 12: 1, 14: 9}


def test_a_ring_begins_where_the_register_was_when_the_stride_ran():
    words = [SetA(1, 10), Stride(1, 0, 4, modulo=8), SetA(1, 14), Loop(0, 3, 1), mark(1)]
    assert marks(words) == {14: 1, 10: 1}


def test_a_stride_scaled_by_a_scalar_as_it_was():
    words = [SetA(1, 10), Stride(1, 0, -1, 2, 0), SetS(0, 50), Loop(0, 3, 1), mark(1)]
    assert marks(words, scalars=[3]) == {10: 1, 15: 1, 20: 1}


def test_a_register_may_run_below_0_until_it_is_used():
    words = [SetA(1, 2), Stride(1, 0, -1), Loop(0, 3, 1), mark(1)]
    assert marks(words) == {0: 1, 1: 1, 2: 1}
    finding = stopped([*words, mark(1)], SRAM)
    assert finding.code == "Q360"
    assert finding.got == f"[{16 * MAX_UNITS}, {16 * MAX_UNITS + 1})"


class Walk:
    """The same code, interpreted by recursion over nested loops."""

    def __init__(self):
        self.a, self.seen = [0] * 16, []

    def run(self, words, pending):
        index = 0
        while index < len(words):
            word = words[index]
            index += 1
            if isinstance(word, Stride):
                pending[word.level, word.register] = (word.step, word.modulo, self.a[word.register])
            elif isinstance(word, SetA):
                self.a[word.register] = word.offset
            elif isinstance(word, Fill):
                self.seen.append(self.a[word.to.register] + word.to.offset)
            elif isinstance(word, Loop):
                own = {key[1]: pending.pop(key) for key in list(pending) if key[0] == word.level}
                for _ in range(word.count):
                    self.run(words[index : index + word.length], pending)
                    for register, (step, modulo, base) in own.items():
                        self.a[register] += step
                        if modulo and self.a[register] - base >= modulo:
                            self.a[register] -= modulo
                index += word.length


@st.composite
def bodies(draw, level=0):
    """Words with loops of higher levels inside."""
    words = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["fill", "seta", "stride", "loop"]))
        register = draw(st.integers(1, 3))
        if kind == "fill":
            words.append(mark(register))
        elif kind == "seta":
            words.append(SetA(register, draw(st.integers(0, 20))))
        elif kind == "stride":
            step, modulo = draw(st.integers(0, 3)), draw(st.integers(0, 6))
            words.append(Stride(register, draw(st.integers(0, 3)), step, modulo=modulo))
        elif level < 4:
            own = draw(st.integers(level, 3))
            inside = draw(bodies(own + 1))
            words += [Loop(own, draw(st.integers(0, 3)), len(inside)), *inside]
    return words or [mark(1)]


@settings(max_examples=200)
@given(bodies())
def test_nested_loops_are_those_of_a_recursive_interpreter(words):
    walk = Walk()
    walk.run(words, {})
    expected = {at: 1 for at in walk.seen}
    assert marks(words) == expected


def test_scalars():
    words = [SetS(3, -5, 7, 0), SetA(1, 1, 1, 3, -2, 0), mark(1)]
    assert marks(words, scalars=[6]) == {1 + (42 - 5) - 12: 1}


@pytest.mark.parametrize(("left", "rows"), [(9, 4), (4, 4), (3, 3), (0, 0)])
def test_no_more_than_asked_for(left, rows):
    words = [SetS(3, 0, 1, 0, most=4), SetA(1, 1, 1, 3), mark(1)]
    assert marks(words, scalars=[left]) == {1 + rows: 1}


@pytest.mark.parametrize(
    ("words", "need", "got"),
    [
        ([SetS(3, 1, 2, 0)], "S3: a number in int32", f"{2**32 - 1}"),
        ([SetS(3, -2, -1, 0)], "S3: a number in int32", f"{-(2**31) - 1}"),
        ([SetA(3, 0, -1, 0)], "A3: 28 bits without sign", f"{-(2**31) + 1}"),
        ([SetA(3, MAX_UNITS, 1, 1)], "A3: 28 bits without sign", f"{MAX_UNITS + 1}"),
        ([Fill(Address(0), Scalar(2), 1, 0, 0)], "rows in S2: a count from 0 on", "-3"),
        ([Loop(0, Scalar(2), 1), Bar(2)], "iterations in S2: a count from 0 on", "-3"),
    ],
)
def test_numbers_that_do_not_fit(words, need, got):
    finding = stopped([*words, Halt()], scalars=[2**31 - 1, 1, -3])
    assert (finding.code, finding.need, finding.got) == ("Q363", need, got)


@pytest.mark.parametrize(
    ("words", "need", "got"),
    [
        ([Loop(1, 2, 2), Loop(1, 2, 1), mark(0)], "a loop level above 1", "1"),
        ([Loop(0, 2, 2), Loop(1, 2, 3), mark(0)], "a loop body that ends by word 3", "word 5"),
        ([Loop(0, 2, 9)], "a loop body that ends by word 2", "word 10"),
        ([Loop(0, 2, 1), Halt()], "halt outside of all loops", "in 1 of them"),
    ],
)
def test_loops_that_do_not_nest(words, need, got):
    finding = stopped([*words, Halt()])
    assert (finding.code, finding.need, finding.got) == ("Q362", need, got)


def test_code_without_an_end():
    finding = stopped([mark(0), Bar(EVERYTHING)])
    assert (finding.code, finding.got) == ("Q362", "no word 2")


def test_a_loop_of_thousands_of_millions_ends_at_the_budget(golden):
    words = [Loop(0, 2**32 - 1, 2), Loop(1, 2**32 - 1, 1), Nop(Engine.VX), Halt()]
    finding = stopped(words, max_words=1000)
    golden("errors/Q367-budget.txt", finding.render())


def test_the_budget_is_exact():
    program = program_of([Loop(0, 3, 1), Nop(Engine.VX), Halt()])
    result = simulate(program, "main", {}, sram_bytes=16, max_words=5)
    assert result.counters.words == {"sq": 2, "ld": 0, "st": 0, "mx": 0, "vx": 3}
    assert stopped(list(program.code), max_words=4).code == "Q367"


def test_a_new_class_would_be_missed():
    """The first test can fail: a class that nobody executes is in neither table."""

    class Unknown(Instruction):
        mnemonic, op, engine = "unknown", 0xFF, Engine.VX

    assert Unknown not in {*EXECUTORS, *CONTROLS}
