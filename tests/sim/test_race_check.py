"""Races are found, whichever order the run takes; words that are ordered are none."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from on_machine import EVERYTHING, SRAM_BYTES, after, image, program_of, stopped
from test_orders import doubled, doubling, feed_of

from q4compile.errors import TargetError
from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Engine
from q4compile.isa.instructions import (
    Add,
    Bar,
    Copy,
    Fill,
    Halt,
    Ldd,
    Lstm,
    Nop,
    Std,
)
from q4compile.isa.operand import Address
from q4compile.sim.clocks import START, SemaphoreClock, joined
from q4compile.sim.simulator import Simulator, simulate

BOTH = (None, 0, 1, 2)
LOAD = Ldd(Address(0), Address(0), 1, 32, 0, 0)
USE = Add(Address(8), Address(0), Address(0), 1, 16)


def races(words, **given):
    """The finding, or None."""
    program = program_of([*words, Halt()], bytes(64))
    try:
        simulate(program, "main", {}, sram_bytes=SRAM_BYTES, check_races=True, **given)
    except TargetError as problem:
        return problem.findings[0]
    return None


@pytest.mark.parametrize("seed", BOTH)
def test_a_read_without_an_order_races(seed):
    assert races([LOAD, USE], seed=seed).code == "Q369"


def test_both_words_are_named(golden):
    words = [LOAD, Nop(Engine.VX), replace(USE, node=1)]
    stop = stopped(words, image(0), check_races=True, nodes=("", "/l0"))
    golden("errors/Q369-read.txt", stop.render())


@pytest.mark.parametrize("seed", BOTH)
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (USE, Ldd(Address(9), Address(0), 1, 16, 0, 0)),  # write, write
        (USE, Ldd(Address(1), Address(0), 1, 16, 0, 0)),  # read, write
        (Std(Address(2), Address(0), 1, 16, 0, 0), Ldd(Address(4), Address(2), 1, 1, 0, 0)),  # DRAM
        (Fill(Address(0), 3, 4, 32, 0), Ldd(Address(4), Address(0), 1, 1, 0, 0)),  # the last row
    ],
)
def test_kinds_of_races(first, second, seed):
    assert races([first, second], seed=seed).code == "Q369"
    assert races([first, Bar(EVERYTHING), second], seed=seed) is None


@pytest.mark.parametrize("seed", BOTH)
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (USE, Ldd(Address(10), Address(0), 1, 16, 0, 0)),  # beside the result
        (Copy(Address(8), Address(0), 1, 16, 0, 0), Std(Address(0), Address(0), 1, 16, 0, 0)),
        (Fill(Address(0), 3, 4, 32, 0), Ldd(Address(1), Address(0), 1, 16, 0, 0)),  # between rows
        (LOAD, Ldd(Address(1), Address(0), 1, 16, 0, 0)),  # one engine
        (Fill(Address(0), 0, 4, 32, 0), LOAD),  # no rows
    ],
)
def test_no_races(first, second, seed):
    assert races([first, second], seed=seed) is None


@pytest.mark.parametrize("seed", BOTH)
def test_a_semaphore_orders(seed):
    words = [replace(LOAD, post=1), replace(USE, wait=1)]
    assert races(words, seed=seed) is None


@pytest.mark.parametrize("seed", BOTH)
def test_a_semaphore_orders_what_comes_before_it_only(seed):
    """LD posts, then loads; VX takes the post."""
    words = [Nop(Engine.LD, post=1), LOAD, replace(USE, wait=1)]
    assert races(words, seed=seed).code == "Q369"


@pytest.mark.parametrize("seed", BOTH)
def test_order_passes_through_a_third_engine(seed):
    words = [
        replace(LOAD, post=1),
        Nop(Engine.MX, wait=1, post=2),
        replace(USE, wait=2),
    ]
    assert races(words, seed=seed) is None


@pytest.mark.parametrize("seed", BOTH)
def test_bar_orders_its_engines_only(seed):
    assert races([LOAD, Bar(1 << Engine.LD), USE], seed=seed) is None
    assert races([LOAD, Bar(1 << Engine.ST), USE], seed=seed).code == "Q369"


def test_a_full_queue_orders_nothing():
    """The load is long done when the add is issued, but by chance."""
    words = [LOAD, *[Nop(Engine.VX)] * 20, USE]
    assert races(words).code == "Q369"


@pytest.mark.parametrize("seed", BOTH)
def test_a_post_of_somebody_else_orders_nothing(seed):
    """LD and ST post the same semaphore: one take does not say that LD is done, two do."""
    post = [replace(LOAD, post=1), Nop(Engine.ST, post=1)]
    one = [*post, replace(USE, wait=1), Nop(Engine.VX, wait=1)]
    two = [*post, Nop(Engine.VX, wait=1), replace(USE, wait=1)]
    assert races(two, seed=seed) is None
    found = [races(one, seed=each) for each in range(20)]
    assert any(each is not None and each.code == "Q369" for each in found)


def test_the_double_buffered_program_has_no_races_and_the_wrong_one_has():
    codes, feeds = feed_of(12)
    for seed in BOTH:
        right = Simulator(doubling(12), sram_bytes=SRAM_BYTES)
        result = right.run("main", feeds, seed=seed, check_races=True)
        assert result.codes["y"].tolist() == doubled(codes).tolist()
        wrong = Simulator(doubling(12, wait_for_buffers=False), sram_bytes=SRAM_BYTES)
        with pytest.raises(TargetError, match="Q369"):
            wrong.run("main", feeds, seed=seed, check_races=True)


def test_a_word_out_of_bounds_says_so_before_it_races():
    sram = image(0)
    far = Ldd(Address(0), Address(0), 2**16 - 1, 1, 65536, 0)
    assert stopped([far], sram, check_races=True) == stopped([far], sram)


def test_the_blocks_of_lstm_words_are_read_where_they_lie():
    """The check needs the block, and a block that is none stops the word as ever."""
    word = Lstm(*(Address(each) for each in (1, 2, 3, 4)), 1, 2, 0, ElementType.I4)
    sram = np.full(SRAM_BYTES, 0xFF, np.uint8)
    assert stopped([word], sram, check_races=True) == stopped([word], sram)
    idle = Lstm(*(Address(each) for each in (1, 2, 3, 4)), 0, 2, 0, ElementType.I4)
    assert after([idle], sram, check_races=True).tolist() == sram.tolist()


clocks = st.tuples(*[st.integers(0, 5)] * 5)


@given(st.lists(clocks, min_size=1))
def test_joined_is_the_least_clock_that_knows_all(many):
    least = joined(many)
    assert all(each[k] <= least[k] for each in many for k in range(5))
    assert all(any(each[k] == least[k] for each in many) for k in range(5))


@settings(max_examples=200)
@given(st.lists(st.sampled_from(["ld", "st", "take"]), max_size=30))
def test_a_take_knows_the_posts_that_no_other_choice_could_leave(steps):
    """Against all ways to choose which posts were taken, engine by engine in order."""
    semaphore, made, taken = SemaphoreClock(), {1: 0, 2: 0}, 0
    for step in steps:
        if step == "take":
            if sum(made.values()) == taken:
                continue
            taken += 1
            least = {
                engine: min(
                    k for k in range(count + 1) if 0 <= taken - k <= sum(made.values()) - count
                )
                for engine, count in made.items()
            }
            expected = list(START)
            for engine, count in least.items():
                expected[engine] = count
            assert semaphore.take() == tuple(expected)
        else:
            engine = {"ld": 1, "st": 2}[step]
            made[engine] += 1
            semaphore.post(engine, tuple(made[engine] if k == engine else 0 for k in range(5)))
