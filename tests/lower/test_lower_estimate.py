"""Estimates that decide between plans: what is the bound, and that the better plan is taken."""

from dataclasses import replace

import pytest
from agreement import RAPID1
from networks_to_lower import Draft

from q4compile.isa.engine import Precision
from q4compile.lower.options import Options, Room
from q4compile.lower.plan.estimate import bytes_per_cycle, matrix_cycles
from q4compile.lower.plan.planning import plan_phases
from q4compile.lower.select.select import select


def plans(room, inputs, outputs):
    draft = Draft()
    grid = draft.grid("x.grid", "int4", 0.1)
    x = draft.enter("x", "T", inputs)
    network = draft.made(draft.linear(x, grid, "y", inputs, outputs))
    return plan_phases(select("model", network, room, {}), room).phases


def test_a_product_takes_its_rows_or_its_weights():
    assert matrix_cycles(1, 640, 640, Precision.INT4, RAPID1) == 5 * 10 * 16 + 48
    assert matrix_cycles(32, 640, 640, Precision.INT4, RAPID1) == 5 * 10 * 32 + 48
    assert matrix_cycles(1, 65, 65, Precision.INT8, RAPID1) == 2 * 2 * 16 + 48
    assert bytes_per_cycle(RAPID1) == pytest.approx(36.27, abs=0.01)


def test_more_rows_where_weights_come_by_too_slowly():
    slow = replace(RAPID1, dram=replace(RAPID1.dram, gigabytes_per_second=40))
    fast = replace(RAPID1, dram=replace(RAPID1.dram, gigabytes_per_second=400))
    rows = [plans(Room(Options(), each), 1280, 5120)[0].plan.loops.rows for each in (slow, fast)]
    assert rows == [256, 128]


def test_usual_rows_where_weights_stay():
    (phase,) = plans(Room(Options(), RAPID1), 64, 64)
    assert (phase.plan.is_resident, phase.plan.loops.rows) == (True, 128)
