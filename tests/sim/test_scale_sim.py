"""SCALE-Sim's compute cycles: what its versions 2 and 3 print, and a count of our own."""

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.isa.engine import Precision
from q4compile.isa.instructions import Halt, Mm
from q4compile.isa.operand import Address
from q4compile.isa.target import load_target
from q4compile.sim.scale_sim import Array, Dataflow, Gemm, compute_cycles
from q4compile.sim.timing.events import run_entry

ROOT = Path(__file__).parents[2]
RAPID1 = load_target("rapid1")
HERE = Address(0)

PRINTED = [
    ("os", (32, 32), (1, 640, 2560), 56159),
    ("os", (16, 64), (50, 1280, 2560), 217279),
    ("os", (128, 128), (37, 65, 129), 637),
    ("is", (32, 32), (50, 1280, 2560), 212319),
    ("is", (16, 64), (37, 65, 129), 1114),
    ("is", (128, 128), (37, 65, 129), 510),
    ("ws", (32, 32), (1, 640, 2560), 151999),
    ("ws", (32, 32), (16, 640, 2560), 175999),
    ("ws", (128, 128), (4, 640, 2560), 38599),
    ("ws", (16, 64), (37, 65, 129), 1964),
]
"""Dataflow, array, (m, k, n), and "Total Cycles" of SCALE-Sim v2 and v3."""

SMALL = st.integers(1, 9)


@pytest.mark.parametrize(("dataflow", "array", "sides", "cycles"), PRINTED)
def test_equals_what_scale_sim_prints(
    dataflow: str, array: tuple[int, int], sides: tuple[int, int, int], cycles: int
) -> None:
    m, k, n = sides
    assert compute_cycles(Dataflow(dataflow), Gemm(m, n, k), Array(*array)) == cycles


@given(SMALL, SMALL, SMALL, SMALL, SMALL)
def test_an_output_stationary_array_counted_by_cell(m: int, n: int, k: int, r: int, c: int) -> None:
    """Operands enter each fold skewed by a cycle per row and column; folds follow one another."""
    cycles = 0
    for _ in range(0, m, r):
        for _ in range(0, n, c):
            cycles += max(row + column + k for row in range(r) for column in range(c))
    assert compute_cycles(Dataflow.OUTPUT_STATIONARY, Gemm(m, n, k), Array(r, c)) == cycles - 1


@given(SMALL, SMALL, SMALL, SMALL, SMALL)
def test_input_stationary_is_weight_stationary_of_the_transposed(
    m: int, n: int, k: int, r: int, c: int
) -> None:
    array = Array(r, c)
    of_inputs = compute_cycles(Dataflow.INPUT_STATIONARY, Gemm(m, n, k), array)
    assert of_inputs == compute_cycles(Dataflow.WEIGHT_STATIONARY, Gemm(n, m, k), array)


@pytest.mark.parametrize("sides", [(0, 1, 1), (1, 0, 1), (1, 1, -1)])
def test_a_product_without_a_side_is_our_bug(sides: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Gemm(*sides)


@given(SMALL, SMALL, SMALL, st.sampled_from(list(Dataflow)))
def test_the_timing_takes_products_so(m: int, n: int, k: int, dataflow: Dataflow) -> None:
    word = Mm(HERE, HERE, HERE, None, m, n, k, Precision.INT8)
    run = run_entry([word, Halt()], 0, [[0] * 16], RAPID1, dataflow=dataflow)
    array = Array(RAPID1.matrix.rows_at(Precision.INT8), RAPID1.matrix.columns)
    item = run.items.found[0]
    assert item.work_cycles == compute_cycles(dataflow, Gemm(m, n, k), array)
    assert item.cost.work.macs == m * n * k
    assert run.now >= item.work_cycles


def test_the_package_says_the_same() -> None:
    """As `benchmarks/scalesim.py` does with more products; in the environment that it has made."""
    python = next((ROOT / "build" / "benchmarks").glob("*scalesim*/bin/python"), None)
    if python is None:
        pytest.skip("no environment with scalesim: python benchmarks/scalesim.py makes it")
    gemms = [(37, 129, 65), (4, 20, 33), (1, 1, 1)]
    asked = {"dataflow": "ws", "rows": 16, "columns": 8, "gemms": gemms}
    done = subprocess.run(
        [python, ROOT / "benchmarks" / "gemms" / "with_scalesim.py"],
        input=json.dumps(asked),
        check=True,
        capture_output=True,
        text=True,
    )
    ours = [compute_cycles(Dataflow("ws"), Gemm(*each), Array(16, 8)) for each in gemms]
    assert json.loads(done.stdout)["cycles"] == ours
