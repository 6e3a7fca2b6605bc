"""Semaphores, queues, barriers; the same bits in every legal order; deadlocks."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from on_machine import EVERYTHING, SRAM_BYTES, after, byte_port, image, program_of, stopped

from q4compile.errors import TargetError
from q4compile.isa.engine import Engine
from q4compile.isa.instructions import (
    Add,
    Bar,
    Fill,
    Halt,
    Ldd,
    Loop,
    Nop,
    SetA,
    Std,
    Stride,
)
from q4compile.isa.operand import Address, Scalar
from q4compile.isa.program import Dimension
from q4compile.sim.engines import QUEUE_WORDS
from q4compile.sim.simulator import Simulator

ROW, UNITS = 512, 32
IN, OUT = 1, 2


def doubling(rows, *, wait_for_buffers=True):
    """``out[t] = x[t] + x[t]`` (int16), rows through a ring of two buffers on LD, VX and ST.

    Without waiting for free buffers it is wrong, and only sometimes.
    """
    ready, free, done, stored = (1 << each for each in range(4))
    ring = {"modulo": 2 * UNITS}
    if not wait_for_buffers:
        free = stored = 0
    tokens = [Nop(Engine.VX, post=free), Nop(Engine.ST, post=stored)]
    back = [Nop(Engine.LD, wait=free), Nop(Engine.VX, wait=stored)]
    code = [
        SetA(1, 0, 1, IN),
        SetA(2, 0, 1, OUT),
        *(tokens + tokens),
        *(Stride(register, 0, UNITS) for register in (1, 2)),
        *(Stride(register, 0, UNITS, **ring) for register in (3, 4)),
        Loop(0, Scalar(0), 3),
        Ldd(Address(0, 3), Address(0, 1), 1, ROW, ROW, ROW, wait=free, post=ready),
        Add(
            *(Address(64, 4), Address(0, 3), Address(0, 3), 1, ROW // 2),
            wait=ready | stored,
            post=done | free,
        ),
        Std(Address(0, 2), Address(64, 4), 1, ROW, ROW, ROW, wait=done, post=stored),
        *(back + back),
        Halt(),
    ]
    size = rows * ROW
    ports = [byte_port("x", IN, size, "in"), byte_port("y", OUT, size)]
    return program_of(code, ports=ports, scalars=[rows])


def doubled(x):
    values = x.view(np.int16).astype(np.int64)
    return np.clip(2 * values, -32768, 32767).astype(np.int16).view(np.int8)


def feed_of(rows):
    codes = image(0, rows * ROW).view(np.int8)
    return codes, {"x": codes.astype(np.float32)}


def test_100_interleavings_of_a_double_buffered_program_have_the_same_bits():
    rows = 20
    simulator = Simulator(doubling(rows), sram_bytes=SRAM_BYTES)
    codes, feeds = feed_of(rows)
    expected = doubled(codes).tolist()
    for seed in (None, *range(100)):
        assert simulator.run("main", feeds, seed=seed).codes["y"].tolist() == expected


def test_interleavings_differ_where_the_program_is_wrong():
    """The test above can fail."""
    rows = 20
    simulator = Simulator(doubling(rows, wait_for_buffers=False), sram_bytes=SRAM_BYTES)
    codes, feeds = feed_of(rows)
    expected = doubled(codes).tolist()
    results = [simulator.run("main", feeds, seed=s).codes["y"].tolist() for s in range(20)]
    assert any(result != expected for result in results)


def test_a_seed_is_an_order():
    """The same seed gives the same result, even of a wrong program."""
    simulator = Simulator(doubling(20, wait_for_buffers=False), sram_bytes=SRAM_BYTES)
    feeds = feed_of(20)[1]
    first, again = (simulator.run("main", feeds, seed=5).codes["y"] for _ in range(2))
    assert first.tolist() == again.tolist()


@given(st.integers(0, 50))
def test_a_consumer_may_stand_before_its_producer(seed):
    """VX waits for LD, whose word comes later in the code."""
    words = [
        Add(Address(4), Address(0), Address(0), 1, 8, wait=1, post=2),
        Fill(Address(5), 1, 16, 0, 7),
        Ldd(Address(0), Address(2), 1, 16, 0, 0, post=1),
        Nop(Engine.MX, wait=2),
    ]
    sram = image(1)
    held = after(words, sram, seed=seed)
    assert held[:16].tolist() == sram[32:48].tolist()
    assert held[64:80].tolist() == doubled(sram[32:48]).view(np.uint8).tolist()
    assert held.tolist() == after(words, sram).tolist()


def test_the_sequencer_runs_ahead_by_a_queue():
    """As many words as a queue holds may wait for a word behind them; one more is a deadlock."""

    def words(count):
        waiting = [Nop(Engine.VX, wait=1)] * count
        posts = [Nop(Engine.LD, post=1)] * count
        return [*waiting, *posts, Halt()]

    after(words(QUEUE_WORDS)[:-1], image(0))
    assert stopped(words(QUEUE_WORDS + 1)).code == "Q364"


def test_bar_waits_for_the_engines_of_its_mask_only():
    words = [Nop(Engine.VX, wait=1), Bar(1 << Engine.LD), Nop(Engine.LD, post=1)]
    after(words, image(0))
    words[1] = Bar(1 << Engine.VX)
    assert stopped([*words, Halt()]).code == "Q364"


@pytest.mark.parametrize("seed", [None, 3])
def test_a_deadlock_says_who_waits_for_what(golden, seed):
    words = [
        Nop(Engine.LD, wait=0b1, post=0b10, node=1),
        Nop(Engine.LD, post=0b10),
        Fill(Address(0), 1, 16, 0, 0, wait=0b110, post=0b1),
        Bar(1 << Engine.LD | 1 << Engine.MX),
        Halt(),
    ]
    golden("errors/Q364-barrier.txt", stopped(words, seed=seed, nodes=("", "/l0")).render())
    full = [*words[:3], *[Nop(Engine.LD)] * QUEUE_WORDS, Halt()]
    golden("errors/Q364-queue.txt", stopped(full, seed=seed).render())
    golden("errors/Q364-halt.txt", stopped([*words[:3], Halt()], seed=seed).render())


def test_semaphores_hold_255(golden):
    posts = [Loop(0, 255, 1), Nop(Engine.MX, post=1 << 3)]
    takes = [Loop(0, 255, 1), Nop(Engine.VX, wait=1 << 3)]
    bar = Bar(EVERYTHING)
    after([*posts, bar, *takes], image(0))
    stop = stopped([Loop(0, 256, 1), Nop(Engine.MX, post=1 << 3), bar, *takes, Halt()])
    golden("errors/Q361-overflow.txt", stop.render())


def test_semaphores_are_0_at_the_end(golden):
    words = [Nop(Engine.MX, post=0b101), Nop(Engine.LD, post=0b100), Halt()]
    golden("errors/Q361-left.txt", stopped(words).render())


def test_a_second_run_starts_from_nothing():
    """A run that was stopped leaves neither posts nor counts."""
    port = replace(byte_port("x", IN, 1, "in"), axes=("n",), pitch_bytes=9)
    code = [Loop(0, Scalar(0), 1), Nop(Engine.MX, post=1), Nop(Engine.VX, wait=1), Halt()]
    program = program_of(code, ports=[port], dimensions=[Dimension("n", 0, 0, 9)])
    simulator = Simulator(program, sram_bytes=SRAM_BYTES)
    with pytest.raises(TargetError, match="Q361"):
        simulator.run("main", {"x": np.zeros(3, np.float32)})
    counters = simulator.run("main", {"x": np.zeros(1, np.float32)}).counters
    assert counters.words == {"sq": 2, "ld": 0, "st": 0, "mx": 1, "vx": 1}
