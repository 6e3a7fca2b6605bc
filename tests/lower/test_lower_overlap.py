"""Constants and states of a phase load under the one before it, where memory has room for both."""

from dataclasses import replace

import pytest
from agreement import RAPID1, Machine, target_of
from hypothesis import given
from hypothesis import strategies as st
from test_lower_embedding import feeds, predictor
from test_lower_lstm import encoder, sequences

from q4compile.isa.instructions import Bar, Ldd, Meet, SetA, Std
from q4compile.isa.program import Program
from q4compile.lower.emit.component import component_of
from q4compile.lower.emit.image import Image
from q4compile.lower.options import Options, Room
from q4compile.lower.plan import overlap
from q4compile.lower.plan.overlap import apart, overlapped
from q4compile.lower.plan.planning import plan_phases
from q4compile.lower.plan.sram import Buffer, allocate
from q4compile.lower.select.select import select
from q4compile.sim.timing.entry_timing import time_entry

UNITS = 128
ROOM = Room(Options(), target_of(4))
SIZES = st.lists(st.tuples(st.integers(0, 1000), st.booleans()), max_size=6)
FEW = {"batch": 4, "chunk_rows": 16}


def layout_of(sizes):
    found = [Buffer(f"b{n}", size, is_ahead=ahead) for n, (size, ahead) in enumerate(sizes)]
    return found, allocate(found, ROOM.alignment_bytes)


@given(SIZES)
def test_what_is_ahead_lies_behind_everything_else(sizes):
    buffers, layout = layout_of(sizes)
    assert layout.peak_bytes == layout.lower_bound_bytes
    for each in buffers:
        first = layout.offsets[each.name]
        assert (first >= layout.peak_bytes - layout.ahead_bytes) >= each.is_ahead
        if not each.is_ahead:
            assert first + each.bytes <= layout.peak_bytes - layout.ahead_bytes


def test_no_buffer_that_dies_may_be_ahead():
    with pytest.raises(ValueError, match="'a' is ahead, and does not live always"):
        allocate([Buffer("a", 64, 0, 3, is_ahead=True)], 64)


@given(SIZES, SIZES, SIZES)
def test_what_is_ahead_meets_nothing_of_the_phase_before(first, before, behind):
    """Wherever that one lies itself."""
    (_, start), (_, middle), (_, end) = map(layout_of, (first, before, behind))
    middle = apart(middle, start, ROOM)
    found = apart(end, middle, ROOM)
    if not found.is_ahead:
        assert found is end
        return
    top = found.base_bytes + found.peak_bytes
    ahead = range(top - found.ahead_bytes, top)
    taken = range(middle.base_bytes, middle.base_bytes + middle.peak_bytes)
    assert not ahead or not taken or ahead.stop <= taken.start or taken.stop <= ahead.start
    assert top <= ROOM.sram_bytes
    assert {name: at - found.base_bytes for name, at in found.offsets.items()} == end.offsets


def behind(code, kind, start):
    """The first word of a kind from an index on."""
    return next(n for n in range(start, len(code)) if isinstance(code[n], kind))


@pytest.mark.parametrize("cores", [1, 2, 4])
def test_the_weights_of_a_product_load_before_the_recurrence_stores_its_states(cores):
    target = replace(RAPID1, name="four", cores=4)
    machine = Machine(predictor(units=256), target, cores=cores, **FEW)
    for batch, steps in ((1, 1), (3, 4)):
        machine.agree(feeds(batch, batch, steps, units=256), seeds=(None, 0, 1))
    code = machine.program.code
    nodes = machine.program.nodes
    loads = [n for n, word in enumerate(code) if isinstance(word, Ldd)]
    first = next(n for n in loads if nodes[code[n].node] == "/y.product")
    rest = behind(code, Meet if cores > 1 else Bar, first)
    stores = [n for n, word in enumerate(code) if isinstance(word, Std) and first < n < rest]
    assert {nodes[code[n].node] for n in stores} == {"/l0"}
    assert len(stores) == 2


def test_layers_load_their_states_under_the_layer_before():
    machine = Machine(predictor(2, units=UNITS), **FEW)
    for batch, steps in ((1, 1), (3, 4)):
        machine.agree(feeds(batch, batch, steps, 2, UNITS), seeds=(None, 0, 1))
    code = [word for word in machine.program.code if isinstance(word, Ldd | Std)]
    nodes = [machine.program.nodes[word.node] for word in code]
    assert nodes.index("/l1") < len(nodes) - 1 - nodes[::-1].index("/l0")


@pytest.mark.parametrize("cores", [1, 2, 4])
def test_the_first_weights_that_come_by_load_under_the_layer_before(cores):
    """A loop skips their load in the first group of the first step."""
    target = replace(RAPID1, name="four", cores=4)
    parts = predictor(2, units=256)
    machine = Machine(parts, target, cores=cores, keep_weights=False, group_units=32, **FEW)
    for batch, steps in ((1, 1), (3, 4)):
        machine.agree(feeds(batch, batch, steps, 2, 256), seeds=(None, 0, 1))
    code, nodes = machine.program.code, machine.program.nodes
    symbols = {each.name: each for each in machine.program.symbols}
    own = next(each for name, each in symbols.items() if "l1: recurrent weights" in name)
    rests = [n for n, word in enumerate(code) if isinstance(word, Meet if cores > 1 else Bar)]
    loads = [n for n, word in enumerate(code) if isinstance(word, Ldd) and n < rests[0]]
    assert nodes[code[loads[-1]].node] == "/l1"
    starts = [word.offset for word in code[: loads[-1]] if isinstance(word, SetA)]
    assert own.address in starts


def read_bytes(machine, target, steps):
    """From DRAM, in a call with three sequences."""
    sizes = {"B": 3, "U": steps}
    return time_entry(machine.program, "model", sizes, target).work.dram_read_bytes


@pytest.mark.parametrize("cores", [1, 2, 4])
def test_a_product_reads_h_of_one_step_where_it_is(cores, monkeypatch):
    """Of several steps it is in DRAM."""
    target, parts = replace(RAPID1, name="four", cores=4), predictor(units=256)
    machine = Machine(parts, target, cores=cores, **FEW)
    for batch, steps in ((1, 1), (3, 1), (3, 4)):
        machine.agree(feeds(batch, batch, steps, units=256), seeds=(None, 0, 1))
    monkeypatch.setattr(overlap, "_holding", lambda *_: None)
    other = Machine(parts, target, cores=cores, **FEW)
    readers = min(cores, 2)  # 9 columns of 16 bits are two units of 16 bytes
    row_bytes = 256 // 2
    for steps, more in ((1, 3 * row_bytes * readers), (4, 0)):
        assert read_bytes(other, target, steps) - read_bytes(machine, target, steps) == more


def cycles_of(selected, phases, room):
    """Of a call of one token."""
    image = Image()
    done = component_of(selected, phases, room, image)
    target, given = room.target, (tuple(image.nodes), tuple(image.symbols))
    names = ("model", target.name, target.hash, "int4")
    program = Program(*names, done.code, bytes(image.data), (done.entry,), *given, 1)
    return time_entry(program, "model", {"B": 4, "U": 1}, target).cycles


def test_it_takes_less_time():
    room = Room(Options(**FEW), RAPID1)
    selected = select("model", predictor(2, units=256)["model"], room, {})
    phases = plan_phases(selected, room).phases
    moved = overlapped(phases, room)
    assert [each.plan.layout.is_ahead for each in moved] == [False, True, True]
    cycles = [cycles_of(selected, each, room) for each in (phases, moved)]
    assert cycles[1] < cycles[0]


def test_layers_that_repeat_move_alike():
    """Of three layers without states the products of all but the first, so that they may share
    their words."""
    room = Room(Options(**FEW), RAPID1)
    network = encoder("forward", 64, True, layers=3)["model"]
    phases = plan_phases(select("model", network, room, {}), room).phases
    moved = overlapped(phases, room)
    assert [each.plan.layout.is_ahead for each in moved] == [False, False, True, False, True, False]
    assert moved[2].plan.layout == moved[4].plan.layout


@pytest.mark.parametrize("cores", [1, 2])
def test_layers_share_their_words_however_many(cores):
    parts = [encoder("bidirectional", 64, True, layers=layers) for layers in (3, 4)]
    target = replace(RAPID1, name="two", cores=2)
    machines = [Machine(each, target, cores=cores, **FEW) for each in parts]
    for machine in machines:
        machine.agree(sequences(1, 9, 3, True), seeds=(None, 0))
    assert len({len(each.program.code) for each in machines}) == 1


def test_nothing_is_ahead_of_zeros():
    """Without states a recurrence begins with zeros, which another engine makes."""
    machine = Machine(encoder("bidirectional", 32), **FEW)
    machine.agree(sequences(0, 4, 3), seeds=(None, 0))
