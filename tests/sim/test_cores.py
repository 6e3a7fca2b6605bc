"""Several cores: the same bits in every order, races between them, and what stops them."""

from dataclasses import replace

import pytest
from cores_program import CORE, EVERY, H, code, expected, inputs, of_words, program

from q4compile.errors import TargetError
from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Fill, Ldd, Loop, Meet, Nop, SetA, SetS, Share, Std
from q4compile.isa.operand import Address, Scalar
from q4compile.sim.simulator import Simulator, simulate

SRAM_BYTES = 8192
SHARE = Share(Address(0), 1, 16, 32)


@pytest.mark.parametrize("cores", [1, 2, 4])
def test_every_order_has_the_same_bits(cores):
    simulator = Simulator(program(cores), sram_bytes=SRAM_BYTES)
    feeds = inputs(cores, 7)
    wanted = expected(cores, feeds)
    for seed in (None, *range(40)):
        found = simulator.run("main", feeds, seed=seed, check_races=seed is not None)
        assert [found.codes[name].tolist() for name in "hz"] == wanted


def test_counts_are_those_of_all_cores():
    counters = simulate(program(4), "main", inputs(4, 3), sram_bytes=SRAM_BYTES).counters
    assert counters.loaded_bytes == counters.stored_bytes == 2 * 3 * 4 * 16
    assert counters.words["st"] == 4 * (3 + 3 + 1)


@pytest.mark.parametrize("steps", [1, 9])
def test_any_number_of_steps_is_one_program(steps):
    feeds = inputs(2, steps)
    found = simulate(program(2), "main", feeds, sram_bytes=SRAM_BYTES, seed=1)
    assert [found.codes[name].tolist() for name in "hz"] == expected(2, feeds)


def stopped(made, **given):
    with pytest.raises(TargetError) as caught:
        simulate(made, "main", given.pop("feeds", {}), sram_bytes=SRAM_BYTES, **given)
    (finding,) = caught.value.findings
    return finding


def with_meet(word):
    """The program where another word stands for its `Meet`."""
    return program(2, [word if isinstance(each, Meet) else each for each in code(2)])


def test_dram_of_another_core_is_read_behind_a_meet(golden):
    made, feeds = with_meet(Nop(Engine.LD)), inputs(2, 3)
    golden("errors/Q369-cores.txt", stopped(made, feeds=feeds, check_races=True).render())
    found_codes = {stopped(made, feeds=feeds, check_races=True, seed=s).code for s in range(5)}
    assert found_codes == {"Q369"}


def test_a_meet_waits_for_its_engines_only():
    """Without the engine that stores, nothing is known of what is stored."""
    made = with_meet(Meet(1 << Engine.LD))
    assert stopped(made, feeds=inputs(2, 3), check_races=True, seed=1).code == "Q369"


def test_a_share_brings_what_a_core_has_stored_before():
    """The same engine has stored it, and who waits for the share comes behind it."""
    words = [
        SetA(1, 0, 1, H, 1, CORE),
        SetA(2, 1, 1, H, -1, CORE),
        Fill(Address(0), 1, 16, 0, 7, post=1),
        Std(Address(0, 1), Address(0), 1, 16, 0, 0, wait=1),
        Share(Address(4), 0, 16, 32, post=2),
        Ldd(Address(1), Address(0, 2), 1, 16, 0, 0, wait=2),
    ]
    made = of_words(words, result_bytes=32)
    for seed in range(10):
        found = simulate(made, "main", {}, sram_bytes=SRAM_BYTES, seed=seed, check_races=True)
        assert found.codes["y"].tolist() == [7] * 32


DIFFERENT = {
    "more": [Loop(0, Scalar(CORE), 1), Meet(EVERY)],
    "other-rows": [SetS(5, 1, 1, CORE), replace(SHARE, rows=Scalar(5))],
    "other-kinds": [
        SetS(5, 1, -1, CORE),
        Loop(0, Scalar(CORE), 1),
        SHARE,
        Loop(0, Scalar(5), 1),
        Meet(EVERY),
    ],
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_cores_do_the_same(golden, name):
    made = of_words(DIFFERENT[name])
    golden(f"errors/Q370-{name}.txt", stopped(made).render())
    assert {stopped(made, seed=seed).code for seed in range(5)} == {"Q370"}


def waiting(first):
    """Core 0 can share only before it has met, core 1 only behind that; `first` is waited for."""
    return of_words(
        [
            SetS(5, 1, -1, CORE),
            Loop(0, Scalar(5), 1),
            Nop(Engine.LD, post=1),
            replace(SHARE, wait=1),
            SetA(1, 0),
            Meet(1 << first),
            Loop(0, Scalar(CORE), 1),
            Nop(Engine.LD, post=1),
        ]
    )


def test_cores_that_wait_for_each_other(golden):
    simulate(waiting(Engine.LD), "main", {}, sram_bytes=SRAM_BYTES)
    made = waiting(Engine.ST)
    golden("errors/Q364-cores.txt", stopped(made).render())
    assert {stopped(made, seed=seed).code for seed in range(5)} == {"Q364"}


def test_parts_lie_in_sram():
    last = SRAM_BYTES // 16 - 1
    assert stopped(of_words([Share(Address(last), 1, 16, 32)])).code == "Q360"
    simulate(of_words([Share(Address(last - 1), 1, 16, 32)]), "main", {}, sram_bytes=SRAM_BYTES)


def test_one_core_shares_with_nobody():
    last = SRAM_BYTES // 16
    alone = of_words([Share(Address(last), 9, 16, 0), Meet(EVERY)], cores=1)
    simulate(alone, "main", {}, sram_bytes=SRAM_BYTES, check_races=True)


def test_what_lies_between_rows_of_parts_stays():
    """Each core fills two rows of 16 bytes; two rows of 2 parts of 4 bytes are shared."""
    words = [
        Fill(Address(0), 1, 32, 0, 1),
        SetA(2, 0, 1, H, 2, CORE),
        SetS(5, 1, -1, CORE),
        Loop(0, Scalar(CORE), 1),
        Fill(Address(0), 1, 32, 0, 2),
        Nop(Engine.VX, post=1),
        Share(Address(0), 2, 4, 16, wait=1),
        Std(Address(0, 2), Address(0), 1, 32, 0, 0),
    ]
    found = simulate(of_words(words, result_bytes=64), "main", {}, sram_bytes=SRAM_BYTES)
    rows = found.codes["y"].reshape(2, 2, 4, 4)[..., 0].tolist()
    assert rows == [[[1, 2, 1, 1]] * 2, [[1, 2, 2, 2]] * 2]
