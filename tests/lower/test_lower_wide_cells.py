"""LSTM cells of 32 bits: the oracle's codes in every plan, and programs of 16 bits as they were."""

from dataclasses import replace

import numpy as np
import pytest
from agreement import RAPID1, Machine, compiled, target_of
from networks_to_lower import Draft
from test_lower_decisions import selected
from test_lower_embedding import TOKENS, WIDTH, predictor
from test_lower_embedding import feeds as tokens
from test_lower_lstm import FEATURES, encoder, features, sequences, stepwise

from q4compile.errors import TargetError
from q4compile.isa.engine import Precision
from q4compile.isa.instructions import Lstm, Rq
from q4compile.lower.lower import lower
from q4compile.lower.numbers.kinds import WIDE_CELL, WIDE_SUMS
from q4compile.lower.numbers.tables import wide_table_bytes
from q4compile.lower.options import Options
from q4compile.lower.phases.phases import FoldedTable
from q4compile.quantize.oracle.tables import wide_tanh_table
from q4compile.sim.memory import Memory
from q4compile.sim.ports import decoded, extent, read_codes, write_input

FOUR = replace(RAPID1, name="four", cores=4)
SEEDS = (None, 0, 1)


def wide(parts, target=RAPID1, **options):
    return Machine(parts, target, cell_bits=32, **options)


def words(program, kind):
    return [word for word in program.code if isinstance(word, kind)]


def states(units, batch=3, directions=1):
    return {name: (directions, batch, units) for name in "hc"}


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("lengths", [False, True])
def test_directions_and_lengths(direction, lengths):
    machine = wide(encoder(direction, 32, lengths, layers=2))
    for seed, (frames, batch) in enumerate([(1, 1), (7, 3), (4, 32)]):
        machine.agree(sequences(seed, frames, batch, lengths))
    assert all(word.wide for word in words(machine.program, Lstm))


@pytest.mark.parametrize("hidden_form", ["int4", "int8", "uint8"])
def test_codes_of_h(hidden_form):
    zero = {"uint8": 120}.get(hidden_form, 0)
    draft = Draft()
    x, grid = features(draft)
    hidden = draft.grid("l.h", hidden_form, 0.02 if "8" in hidden_form else 0.14, zero)
    n = draft.enter("n", "B", dtype="int32")
    y = draft.lstm(x, grid, "l", FEATURES, 16, direction="bidirectional", lengths=n, hidden=hidden)
    wide({"model": draft.made(y)}).agree(sequences(0, 6, 3, lengths=True))


@pytest.mark.parametrize("units", [3, 31, 32, 100])
def test_any_number_of_units(units):
    machine = wide(stepwise(units))
    machine.agree(sequences(units, 3, 2, **states(units, 2)))


@pytest.mark.parametrize("keep_weights", [True, False])
@pytest.mark.parametrize("units", [96, 100, 160])
def test_groups_of_units(units, keep_weights):
    machine = wide(stepwise(units), group_units=32, keep_weights=keep_weights)
    for frames in (1, 4):
        machine.agree(sequences(units, frames, 3, **states(units)), seeds=SEEDS)


def test_weights_that_fit_in_part():
    parts = encoder("forward", 256, True)
    machines = [wide(parts, target_of(kib), batch=4) for kib in (2048, 176, 128)]
    assert len({each.program.code for each in machines}) == 3
    for machine in machines:
        machine.agree(sequences(7, 5, 3, lengths=True), seeds=SEEDS)


@pytest.mark.parametrize(("kib", "batch"), [(160, 8), (96, 4), (48, 1)])
def test_sizes_of_on_chip_memory(kib, batch):
    machine = wide(encoder("bidirectional", 96, True), target_of(kib), batch=batch)
    machine.agree(sequences(kib, 5, batch, lengths=True))


@pytest.mark.parametrize("cores", [2, 4])
def test_several_cores(cores):
    machine = wide(encoder("bidirectional", 128, True), FOUR, cores=cores, batch=4)
    machine.agree(sequences(cores, 4, 3, True), seeds=SEEDS)
    for group_units in (32, 128):
        given = {"batch": 4, "group_units": group_units, "keep_weights": group_units > 32}
        machine = wide(stepwise(256), FOUR, cores=cores, **given)
        machine.agree(sequences(cores, 3, 3, **states(256)), seeds=SEEDS)


@pytest.mark.parametrize("cores", [1, 2, 4])
@pytest.mark.parametrize("folded_table_bytes", [0, 2**20])
def test_token_by_token(cores, folded_table_bytes):
    """The first layer takes rows of a table, or a product's; the second makes sums in the step."""
    given = {"batch": 4, "folded_table_bytes": folded_table_bytes}
    machine = wide(predictor(2, units=128), FOUR, cores=cores, **given)
    for batch, steps in ((1, 1), (3, 1), (2, 5)):
        machine.agree(tokens(batch, batch, steps, 2, 128), seeds=SEEDS)
    assert any(word.out.name == "I32" for word in words(machine.program, Rq))


def test_a_coded_program_gives_the_same():
    machine = wide(predictor(2, units=128, form="int2"), batch=4, code_weights=True)
    machine.agree(tokens(1, 2, 3, 2, 128))


def test_large_states_and_biases():
    draft = Draft()
    x, grid = features(draft)
    h, c = draft.enter("h", 1, "B", 16), draft.enter("c", 1, "B", 16)
    draft.lstm(x, grid, "l", FEATURES, 16, h=h, c=c, outputs=("y", "h1", "c1"))
    draft.vector("l.B", (1, 128), scale=1e5)
    feeds = sequences(0, 3, 2, **states(16, 2))
    feeds["c"] *= 3000
    expected = wide({"model": draft.made("y", "h1", "c1")}).agree(feeds)
    assert np.abs(expected["c1"].codes).max() >= 2**31 - 2**21


def test_states_are_ports_of_32_bits():
    program = compiled(stepwise(32).items(), cell_bits=32)
    ports = {port.name: port for port in program.entry("model").ports}
    for name in ("c", "c1"):
        port = ports[name]
        assert (port.type, port.scale, port.zero_point) == ("i32", 2.0**-20, 0)
        assert (port.lo, port.hi) == (-(2**31), 2**31 - 1)
    assert ports["h"].type == "i4"


def test_a_host_gives_and_takes_real_numbers():
    ports = {
        port.name: port for port in compiled(stepwise(4).items(), cell_bits=32).entries[0].ports
    }
    used = extent(ports["c"], {"B": 1})
    x = np.array([[[0.5, -3.25, 5e9, -2048.5]]], np.float32)
    memory = Memory("dram", 64)
    write_input(used, x, memory, 0)
    codes = read_codes(used, memory, 0)
    assert codes.ravel().tolist() == [2**19, -13 * 2**18, 2**31 - 1, -(2**31)]
    assert decoded(ports["c"], codes).ravel().tolist() == [0.5, -3.25, 2048, -2048]


def test_the_table_is_that_of_the_oracle():
    table = np.frombuffer(wide_table_bytes(), "<i4")
    assert table[:1025].tolist() == wide_tanh_table().tolist()
    assert not table[1025:].any()
    assert len(wide_table_bytes()) == 4112


def test_kinds_of_sums_and_states():
    phase = selected(stepwise(32)["model"], cell_bits=32).phases[-1]
    assert (phase.cell.sums, phase.cell.state) == (WIDE_SUMS, WIDE_CELL)
    assert phase.source.kind == WIDE_SUMS


@pytest.mark.parametrize(("cell_bits", "sizes"), [(16, 2), (32, 4)])
def test_a_folded_table_has_as_many_bytes_as_are_counted(cell_bits, sizes):
    network = predictor()["model"]
    count = TOKENS * sizes * 4 * 32
    for limit, is_folded in ((count, True), (count - 1, False)):
        found = selected(network, folded_table_bytes=limit, cell_bits=cell_bits)
        recurrent = [each for each in found.phases if hasattr(each, "cell")]
        assert isinstance(recurrent[0].source, FoldedTable) == is_folded
    assert WIDTH == 12


@pytest.mark.parametrize("op", ["GRU", "RNN"])
def test_other_recurrences_stay_as_they_are(op):
    programs = []
    for cell_bits in (16, 32):
        draft = Draft()
        x, grid = features(draft)
        programs.append(
            compiled(
                {"model": draft.made(draft.gated(op, x, grid, "l", 12, 32))}.items(),
                cell_bits=cell_bits,
            )
        )
    assert programs[0] == programs[1]


def test_nobody_else_reads_c():
    draft = Draft()
    x, grid = features(draft)
    draft.lstm(x, grid, "l", FEATURES, 16, outputs=("", "h1", "c1"))
    draft.add("Tanh", ["c1"], "t")
    parts = {"model": draft.made("h1", "t")}
    compiled(parts.items())
    with pytest.raises(TargetError) as refused:
        lower(parts.items(), RAPID1, Options(cell_bits=32))
    assert "Q322" in str(refused.value) and "int32 with 20 fraction bits" in str(refused.value)


def test_halves_have_no_such_cells(golden):
    with pytest.raises(TargetError) as refused:
        lower(stepwise(16).items(), RAPID1, Options(precision=Precision.FP16, cell_bits=32))
    golden("errors/Q329-lower-wide-cells-in-halves.txt", str(refused.value))


def test_cells_have_16_or_32_bits():
    with pytest.raises(ValueError, match="not 20"):
        Options(cell_bits=20)
