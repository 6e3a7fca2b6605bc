"""What a word costs alone: each equation of docs/timing-model.md, by hand."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Engine, Precision
from q4compile.isa.instructions import (
    INSTRUCTIONS,
    Add,
    Copy,
    Cvt,
    Gath,
    Ldc,
    Ldd,
    Lstm,
    Lut,
    Mm,
    Nop,
    Rq,
    Share,
    Std,
)
from q4compile.isa.instructions.floating import Function
from q4compile.isa.operand import Address, Scalar
from q4compile.isa.target import load_target
from q4compile.sim.timing.cost import Cost, cost_of, dram_bytes_per_cycle
from q4compile.sim.timing.vector_operations import OPERATIONS
from q4compile.sim.timing.work import Work

RAPID1 = load_target("rapid1")
HERE = Address(0)


def product(rows, columns, depth, precision, target=RAPID1):
    word = Mm(HERE, HERE, HERE, None, Scalar(3), columns, depth, precision)
    return cost_of(word, rows, target)


@pytest.mark.parametrize(
    ("precision", "array_rows", "tile_bytes"),
    [
        (Precision.FP16, 16, 2048),
        (Precision.INT8, 64, 4096),
        (Precision.W4A8, 64, 2048),
        (Precision.INT4, 128, 4096),
    ],
)
def test_one_row_waits_for_the_weights_of_each_tile(precision, array_rows, tile_bytes):
    """One step of an LSTM of 640 units: 3200 cycles at 4 bits."""
    tiles = 640 // array_rows * 2560 // 64
    found = product(1, 2560, 640, precision)
    assert found.work_cycles == tiles * tile_bytes // 256
    assert found.work.weight_port_bytes == tiles * tile_bytes == 640 * 2560 * BITS[precision] // 8
    assert found.latency_cycles == 48
    assert found.work.macs == 640 * 2560


BITS = {Precision.FP16: 16, Precision.INT8: 8, Precision.W4A8: 4, Precision.INT4: 4}


def test_many_rows_hide_the_weights():
    """Peak: 8192 products a cycle."""
    found = product(500, 640, 1280, Precision.INT4)
    assert found.work_cycles == 500 * 640 * 1280 // 8192
    assert found.work.macs_int4 == 500 * 640 * 1280


def test_a_tile_of_few_columns_costs_what_a_whole_one_does():
    assert product(40, 65, 129, Precision.INT4).work_cycles == 2 * 2 * 40
    assert product(40, 64, 128, Precision.INT4).work_cycles == 40


def test_the_last_rows_of_the_depth_load_as_what_they_are():
    """340 = 128 + 128 + 84 rows of 32 bytes."""
    found = product(1, 64, 340, Precision.INT4)
    assert found.work_cycles == 16 + 16 + 11
    assert found.work.weight_port_bytes == 340 * 32


@given(st.integers(1, 300), st.integers(1, 3000), st.integers(1, 5000))
def test_halves_are_never_faster(rows, columns, depth):
    cycles = [product(rows, columns, depth, p).work_cycles for p in FASTER_AND_FASTER]
    assert cycles == sorted(cycles, reverse=True)


FASTER_AND_FASTER = (Precision.FP16, Precision.INT8, Precision.INT4)


def test_without_a_shadow_tile_weights_load_before_each_use():
    target = replace(RAPID1, matrix=replace(RAPID1.matrix, shadow_tiles=0))
    assert product(40, 64, 128, Precision.INT4, target).work_cycles == 40 + 16


def test_a_narrow_activation_port_takes_more_cycles_for_a_row():
    sram = replace(RAPID1.sram, activation_port_bytes_per_cycle=16)
    found = product(40, 64, 128, Precision.INT4, replace(RAPID1, sram=sram))
    assert found.work_cycles == 40 * 4


def test_memory_of_a_product():
    """x once for each tile of columns, w once, the sums written."""
    found = product(2, 128, 100, Precision.INT8).work.sram_bytes
    assert found == 2 * 2 * 100 + 128 * 100 + 2 * 128 * 4


def test_bytes_per_cycle_are_exact():
    """64 GB/s · 0.85 / 1.5 GHz."""
    assert dram_bytes_per_cycle(RAPID1) * 15 == 544


def test_rows_apart_have_bursts_of_their_own():
    apart = cost_of(Ldd(HERE, HERE, 10, 80, 80, 96), 10, RAPID1)
    joined = cost_of(Ldd(HERE, HERE, 10, 80, 96, 80), 10, RAPID1)
    assert apart.work == Work(
        words=1, sram_bytes=800, dram_read_bytes=800, dram_burst_bytes=10 * 2 * 64
    )
    assert joined.work.dram_burst_bytes == 13 * 64
    assert apart.work_cycles == -(-1280 * 15 // 544)
    assert (apart.latency_cycles, apart.is_serial) == (150, False)


def test_a_store_writes_and_a_gather_reads_row_by_row():
    stored = cost_of(Std(HERE, HERE, 3, 64, 64, 80), 3, RAPID1)
    assert (stored.work.dram_written_bytes, stored.work.dram_read_bytes) == (192, 0)
    gathered = cost_of(Gath(HERE, HERE, HERE, 3, 16, 16, 9), 3, RAPID1)
    assert (gathered.work.dram_read_bytes, gathered.work.dram_burst_bytes) == (48, 3 * 64)
    assert gathered.is_serial
    assert gathered.work.sram_bytes == 3 * 4 + 48


def test_a_coded_stream_costs_its_bytes_and_the_time_to_decode_it():
    """64 bytes a cycle come out of the decoder, 36 go in: 2 to 1 is too much for it."""
    little, much = (cost_of(Ldc(HERE, HERE, 6400, n), 0, RAPID1) for n in (5000, 640))
    bursts = -(-5000 // 64)
    assert little.work == Work(
        words=1, sram_bytes=6400, dram_read_bytes=5000, dram_burst_bytes=64 * bursts
    )
    assert little.work_cycles == -(-64 * bursts * 15 // 544) > 100
    assert (little.least_cycles, much.least_cycles) == (100, 100)
    assert much.work_cycles == -(-640 * 15 // 544)


def test_few_bursts_in_flight_are_slower_than_the_dram():
    """Little: 8 bursts of 64 bytes in 150 cycles."""
    target = replace(RAPID1, dram=replace(RAPID1.dram, outstanding_bursts=8))
    word = Ldd(HERE, HERE, 1, 64 * 80, 0, 64 * 80)
    assert cost_of(word, 1, target).least_cycles == 1500
    assert cost_of(word, 1, RAPID1).least_cycles == 47 < cost_of(word, 1, RAPID1).work_cycles


@pytest.mark.parametrize(
    ("word", "elements", "lane_cycles"),
    [
        (Add(HERE, HERE, HERE, 3, 100), 300, 1),
        (Lut(HERE, HERE, HERE, 3, 100), 300, 2),
        (Rq(HERE, HERE, HERE, 3, 100, 0, -8, 7, ElementType.I4), 300, 1),
        (Copy(HERE, HERE, 3, 33, 48, 48), 3 * 17, 1),
        (Lstm(HERE, HERE, HERE, HERE, 3, 640, 0, ElementType.I4), 3 * 640, 24),
        (Lstm(HERE, HERE, HERE, HERE, 3, 640, 0, ElementType.F16), 3 * 640, 24),
        (Lstm(HERE, HERE, HERE, HERE, 3, 640, 0, ElementType.I4, wide=True), 3 * 640, 62),
        (Cvt(HERE, HERE, 3, 100), 300, 1),
        (Cvt(HERE, HERE, 3, 100, Function.TANH), 300, 2),
    ],
)
def test_lanes_take_elements_in_turn(word, elements, lane_cycles):
    found = cost_of(word, 3, RAPID1)
    assert found.work_cycles == -(-elements // 128) * lane_cycles
    assert found.work.vector_lane_cycles == elements * lane_cycles
    assert (found.latency_cycles, found.is_serial) == (12, True)


def test_memory_of_a_step_of_an_lstm():
    """Sums, inputs, c twice, h; the block and two tables once."""
    found = cost_of(Lstm(HERE, HERE, HERE, HERE, 2, 64, 0, ElementType.I4), 2, RAPID1)
    of_rows = 4 * 64 * 4 + 4 * 64 * 2 + 64 * 2 * 2 + 64 // 2
    assert found.work.sram_bytes == 2 * of_rows + 64 + 16 * 64 + 2 * 2050


def test_memory_of_a_wide_step():
    """Inputs and c of twice the bytes, one table of twice."""
    word = Lstm(HERE, HERE, HERE, HERE, 2, 64, 0, ElementType.I4, wide=True)
    of_rows = 4 * 64 * 4 + 4 * 64 * 4 + 64 * 4 * 2 + 64 // 2
    assert cost_of(word, 2, RAPID1).work.sram_bytes == 2 * of_rows + 64 + 16 * 64 + 4100


def test_a_share_goes_around_the_ring():
    """Each of the other cores' parts, hop by hop."""
    word = Share(HERE, 1, 1000, 4000)
    found = cost_of(word, 1, RAPID1, cores=4)
    assert found.work_cycles == 3 * (60 + 16)
    assert found.work == Work(words=1, sram_bytes=4 * 1000)
    assert cost_of(word, 1, RAPID1) == Cost(Work(words=1), 0)


@pytest.mark.parametrize("word", [Nop(Engine.MX), Std(HERE, HERE, 0, 64, 64, 64)])
def test_nothing_costs_nothing(word):
    assert cost_of(word, 0, RAPID1) == Cost(Work(words=1), 0)


def test_every_word_of_the_vector_engine_has_its_operations():
    """A new word gets a cost here, or a product or transfer of its own in `cost_of`."""
    vector = {each for each in INSTRUCTIONS if getattr(each, "engine", None) is Engine.VX}
    assert vector == OPERATIONS.keys()


def test_work_adds_up():
    one = Work(words=1, macs_int4=3, dram_read_bytes=5, dram_written_bytes=7)
    assert one + one == one * 2 == Work(2, macs_int4=6, dram_read_bytes=10, dram_written_bytes=14)
    assert ((one * 3).macs, (one * 3).dram_bytes) == (9, 36)
