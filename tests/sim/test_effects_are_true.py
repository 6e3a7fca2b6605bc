"""What `isa.effects` says of a word is what it does: nothing else is written, nothing else read."""

import random
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from on_machine import image
from random_words import random_word

from q4compile.isa.effects import effects
from q4compile.isa.engine import Engine
from q4compile.isa.instructions import INSTRUCTIONS, Ldc, Lstm
from q4compile.isa.lstm_block import LstmBlock
from q4compile.isa.operand import Address
from q4compile.isa.region import Memory
from q4compile.isa.registers import Registers
from q4compile.numerics.coded_stream import encode
from q4compile.sim.binding import bind
from q4compile.sim.execute.recurrence import block_head
from q4compile.sim.fault import Fault
from q4compile.sim.kernels import plain
from q4compile.sim.machine import Machine

SIZE = 8192
SCALARS = (3, 1, 2, 2**31 - 1) + (0,) * 12
BLOCK = LstmBlock(
    *(2**23 | 50 << 24, 0, -8, 7, 11, 16, 24, 200, 210, 40, 20, 48, 1),
    (2**23 | 30 << 24,) * 20,
)
WIDE_BLOCK = replace(BLOCK, fc=20, sigmoid=0)


def memories(seed, block):
    """SRAM with an LSTM block every 8 units, and DRAM."""
    rng = np.random.default_rng(seed)
    sram = rng.integers(0, 256, SIZE, np.uint8)
    sram[:1024] = 0
    head = np.frombuffer(block.pack()[:64], np.uint8)
    for start in range(0, 2048, 128):
        sram[start : start + 64] = head
        sram[start + 64 : start + 128].view(np.uint32)[:] = 2**23 | 30 << 24
    return sram, rng.integers(0, 256, SIZE, np.uint8)


def with_stream(word, dram):
    """The word with a stream to read, of 40 bytes; any other bytes would stop it."""
    stream = encode([dram[:40]]) + bytes(3)
    start = 16 * (word.source.offset % 128)
    dram[start : start + len(stream)] = np.frombuffer(stream, np.uint8)
    return replace(word, source=Address(start // 16), to_bytes=40, source_bytes=len(stream))


def executed(word, sram, dram):
    """Both memories afterwards, or None for a word that is stopped."""
    machine = Machine(SIZE, SIZE, plain)
    machine.sram.bytes[:], machine.dram.bytes[:], machine.s[:] = sram, dram, SCALARS
    try:
        bound = bind(0, word, machine)
        bound.run(*bound.resolve())
    except Fault:
        return None
    return machine.sram.bytes, machine.dram.bytes


def touched(regions, memory):
    """A mask of the bytes of the regions in a memory."""
    mask = np.zeros(SIZE, bool)
    for region in regions:
        if region.memory is memory:
            for start, stop in region.intervals():
                mask[start:stop] = True
    return mask


KINDS = [kind for kind in INSTRUCTIONS if getattr(kind, "engine", None) is not Engine.SQ]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.mnemonic)
def test_effects(kind):
    rng = random.Random(kind.op)
    tried = 0
    while tried < 60:
        word = random_word(rng, kind)
        if getattr(word, "rows", 1) == 0:
            continue
        block = WIDE_BLOCK if isinstance(word, Lstm) and word.wide else BLOCK
        sram, dram = memories(rng.randrange(5), block)
        if isinstance(word, Ldc):
            word = with_stream(word, dram)
        ends = executed(word, sram, dram)
        if ends is None:
            continue
        tried += 1
        machine = Machine(SIZE, SIZE, plain)
        machine.sram.bytes[:] = sram
        does = effects(word, Registers(s=SCALARS, block_at=partial(block_head, machine.sram)))
        check_writes(does, (sram, dram), ends)
        check_reads(word, does, (sram, dram), ends, rng)


def check_writes(does, before, ends):
    for memory, old, new in zip((Memory.SRAM, Memory.DRAM), before, ends, strict=True):
        written = touched(does.writes, memory)
        assert not (old != new)[~written].any()


def check_reads(word, does, before, ends, rng):
    """Other bytes where it does not read: the same bytes where it writes."""
    changed = []
    for memory, old in zip((Memory.SRAM, Memory.DRAM), before, strict=True):
        read = touched(does.reads, memory)
        changed.append(np.where(read, old, image(rng.randrange(10**6), SIZE)))
    again = executed(word, *changed)
    assert again is not None
    for memory, one, other in zip((Memory.SRAM, Memory.DRAM), ends, again, strict=True):
        written = touched(does.writes, memory)
        assert one[written].tolist() == other[written].tolist()
