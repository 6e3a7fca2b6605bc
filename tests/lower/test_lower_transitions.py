"""What the phase before does for the next one: registers, and what is said first and last."""

from dataclasses import replace

import pytest
from agreement import RAPID1, Machine
from test_lower_embedding import feeds, predictor

from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Bar, Halt, Ldd, Loop, Meet, Nop, SetA, SetS, Share, Stride
from q4compile.isa.operand import Address, Scalar
from q4compile.lower.emit.transitions import first_load, registers_ahead

LOAD = Ldd(Address(0), Address(0, 1), 1, 16, 16, 16)
REST = Bar(30)


def test_registers_before_the_first_loop_are_ahead():
    """Words that wait stay, and so does all that is behind them."""
    once = [Stride(1, 3, 4), Loop(3, 1, 1), Nop(Engine.LD)]
    setting = [SetA(1, 5), *once, SetS(2, 1), Stride(1, 1, 8)]
    passed = [Share(Address(9), 1, 16, 16), Nop(Engine.MX, wait=4)]
    behind = [Loop(1, 2, 2), SetA(3, 1), LOAD, REST]
    words = [*setting[:4], *passed, *setting[4:], *behind]
    assert registers_ahead(words) == (setting, [*passed, *behind])


def test_a_load_ends_it():
    words = [SetA(1, 5), LOAD, SetA(1, 6), REST]
    assert registers_ahead(words) == ([SetA(1, 5)], words[1:])


def test_around_a_loop_for_some_cores_its_count_and_strides_stay():
    opening = [SetS(0, 1, 1, 5, 1), SetS(0, 1, -1, 0, 1)]
    inner = [SetA(1, 5), SetS(2, 7), Stride(1, 1, 8), SetS(0, 3), Loop(1, Scalar(0), 1), LOAD]
    words = [*opening, Loop(0, Scalar(0), len(inner)), *inner, Meet(30)]
    ahead, rest = registers_ahead(words)
    assert ahead == [*inner[:2], *opening]
    assert rest == [Loop(0, Scalar(0), 4), *inner[2:], Meet(30)]


def test_a_count_that_the_loop_around_has_stays_inside():
    opening = [SetS(0, 1, 1, 5, 1)]
    words = [*opening, Loop(0, Scalar(0), 2), SetS(0, 3), LOAD, REST]
    assert registers_ahead(words) == (opening, words[1:])


@pytest.mark.parametrize(
    ("words", "at"),
    [
        ([SetA(1, 5), LOAD, REST], 2),
        ([LOAD], 1),
        ([replace(LOAD, wait=1)], 0),
        ([Loop(0, 1, 1), LOAD], 0),
        ([SetA(1, 5)], 0),
    ],
)
def test_the_first_load(words, at):
    assert first_load(words) == at


@pytest.mark.parametrize("cores", [1, 4])
def test_credits_are_given_behind_the_first_load_and_taken_before_the_last_rest(cores):
    target = replace(RAPID1, name="four", cores=4)
    machine = Machine(predictor(units=256), target, cores=cores, batch=4, chunk_rows=16)
    machine.agree(feeds(0, 2, 2, units=256), seeds=(None, 0, 1))
    code = machine.program.code
    assert isinstance(code[-1], Halt)
    assert isinstance(code[-2], Meet if cores > 1 else Bar)
    assert isinstance(code[-3], Nop) and code[-3].wait
    gives = [n for n, word in enumerate(code) if isinstance(word, Nop) and word.engine == Engine.ST]
    assert isinstance(code[gives[0] - 1], Ldd) and code[gives[0]].post
