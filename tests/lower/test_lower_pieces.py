"""Weights of the next layer load piece by piece, one at each step of a recurrence."""

from dataclasses import replace

import pytest
from agreement import RAPID1, Machine
from test_lower_lstm import encoder, sequences

from q4compile.isa.instructions import Ldd, SetA
from q4compile.isa.operand import Address
from q4compile.lower.emit import pieces
from q4compile.lower.emit.context import Context
from q4compile.lower.emit.image import Image
from q4compile.lower.emit.mailbox import Mailbox
from q4compile.lower.emit.words import AHEAD, Block, load_records
from q4compile.lower.layout.axes import Sizes
from q4compile.lower.options import Options, Room
from q4compile.lower.plan.records import transfer_bytes
from q4compile.sim.timing.entry_timing import time_entry

FOUR = replace(RAPID1, name="four", cores=4)
UNITS = 256
FEW = {"batch": 2, "chunk_rows": 16}


def cycles(machine, target, frames):
    return time_entry(machine.program, "model", {"B": 1, "T": frames}, target)


@pytest.fixture
def in_few(monkeypatch):
    monkeypatch.setattr(pieces, "PIECES", 12)


@pytest.mark.parametrize("cores", [1, 4])
@pytest.mark.parametrize("layers", [2, 3])
def test_fewer_steps_than_pieces_and_more(cores, layers, in_few):
    """Behind the last step what is left loads; where there are more steps than pieces, nothing."""
    parts = encoder("bidirectional", UNITS, True, layers=layers)
    machine = Machine(parts, FOUR, cores=cores, **FEW)
    for frames in (1, 5, 14):
        machine.agree(sequences(layers, frames, 2, True), seeds=(None, 0, 1))
    own_bytes = 2 * UNITS * 8 * UNITS // 2 // cores
    sizes = [word.row_bytes for word in machine.program.code if isinstance(word, Ldd)]
    piece_bytes = next(each for each in sizes if own_bytes / 12 <= each <= own_bytes / 11)
    assert sizes.count(piece_bytes) == 2, "in the loop over steps, and behind it"


@pytest.mark.parametrize("cores", [1, 4])
def test_it_takes_less_time_and_no_more_bytes(cores, monkeypatch):
    """Steps hide what is loaded; 12 of them most of it, 90 all."""
    parts = encoder("bidirectional", UNITS, True, layers=2)
    machine = Machine(parts, FOUR, cores=cores, **FEW)
    monkeypatch.setattr(pieces, "LEAST_BYTES", 2**30)
    whole = Machine(parts, FOUR, cores=cores, **FEW)
    for frames in (12, 90):
        own, other = (cycles(each, FOUR, frames) for each in (machine, whole))
        assert own.cycles < other.cycles
        assert own.work.dram_bytes == other.work.dram_bytes


@pytest.mark.parametrize("count_bytes", [2**15, 2**15 + 16, 829504, 2**23])
def test_pieces_and_the_rest_are_the_load(count_bytes):
    count_bytes = transfer_bytes(count_bytes)
    load = load_records(Address(7), Address(0, AHEAD), count_bytes, 1)
    made = pieces._pieces([SetA(AHEAD, 100, 3, 2), load])
    rest = made.rest[-1].row_bytes if made.rest else 0
    assert made.count * made.size_bytes + rest == count_bytes
    assert 0 <= rest < made.size_bytes <= pieces.MAX_ROW_BYTES
    assert made.size_bytes % pieces.ALIGNMENT_BYTES == 0


def test_what_is_short_or_has_no_steps_stays_as_it_is():
    room = Room(Options(), RAPID1)
    context = Context("model", room, Sizes(()), None, Mailbox(), Image(), {})
    load = Ldd(Address(0), Address(5), 1, 2**14, 2**14, 2**14)
    block = Block([load], [])
    assert pieces.by_pieces(block, [load], context) == ([load], [load])
    long = replace(load, rows=4)
    assert pieces.by_pieces(block, [long], context) == ([load], [long])
    assert pieces.by_pieces(block, [], context) == ([load], [])
