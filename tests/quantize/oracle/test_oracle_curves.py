"""Tables, constants and limits in the oracle, against what others make of the same definitions."""

from decimal import Decimal, localcontext
from fractions import Fraction
from math import erf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_networks import grid, network, node

from q4compile.lower.numbers.curves import GATES, gate_table, root_tables
from q4compile.lower.numbers.curves import ramp_table as their_ramp
from q4compile.lower.numbers.kinds import Fixed
from q4compile.quantize.oracle import curve_tables
from q4compile.quantize.oracle.interpret import interpret

TABLES = {
    "Erf": curve_tables.erf_table,
    "Gelu": curve_tables.normal_table,
    "Gelu by tanh": curve_tables.tanh_normal_table,
}


@pytest.mark.parametrize("name", TABLES)
def test_entries_are_those_of_double_precision(name):
    """16 bits of 53; no entry is so near to a tie that the others would count."""
    assert TABLES[name]().tolist() == list(gate_table(GATES[name]))


@given(st.fractions(0, 36))
def test_erf(square):
    found = float(curve_tables.erf(square, False))
    assert abs(found - erf(float(square) ** 0.5)) < 1e-14
    assert curve_tables.erf(square, True) == -curve_tables.erf(square, False)


@given(st.fractions(-1, 1), st.fractions(-1, 1))
def test_ramps(slope, offset):
    assert curve_tables.ramp_table(slope, offset).tolist() == list(their_ramp(slope, offset))


@given(st.integers(-16, 12), st.integers(-4, 12))
def test_roots(f, result):
    wide, near = root_tables(Fixed(f), Fixed(result))
    assert curve_tables.root_table(f, result).tolist() == list(wide)
    assert curve_tables.root_table(f + 6, result).tolist() == list(near)
    with localcontext() as context:
        context.prec = 50
        exact = (Decimal(64 * 100) * Decimal(2) ** (2 * result - f)).sqrt()
    assert abs(min(exact, Decimal(32767)) - wide[612]) <= Decimal("0.5")


def of_codes(op, constants, first=False, **attributes):
    """``z = op(x, constants)`` of x on a grid of scale 1/4, which becomes `fixed(10)`."""
    given_ = {f"c{n}": np.asarray(c, np.float32) for n, c in enumerate(constants)}
    inputs = [*given_, "x@x"] if first else ["x@x", *given_]
    nodes = [node(op, inputs, ["z"], attributes=attributes)]
    made = network(nodes, ["x"], ["z"], given_, {"x": grid(0.25, 0, "int8")})
    codes = np.arange(-128, 128)
    return codes, interpret(made, {"x": codes / 4})["z"]


EXACT = {
    "Add": ([0.75], lambda x: x + 0.75),
    "Sub": ([0.75], lambda x: x - 0.75),
    "Mul": ([0.5], lambda x: x * 0.5),
    "Div": ([4], lambda x: x / 4),
    "Max": ([-1.5], lambda x: np.maximum(x, -1.5)),
    "Min": ([1000], lambda x: x),
    "Clip": ([-3, 7.25], lambda x: np.clip(x, -3, 7.25)),
    "Neg": ([], np.negative),
    "Abs": ([], np.abs),
    "PRelu": ([0.25], lambda x: np.maximum(x, x / 4)),
    "Pow": ([2], np.square),
}


@pytest.mark.parametrize("op", EXACT)
def test_numbers_that_their_formats_hold_are_exact(op):
    constants, real = EXACT[op]
    codes, found = of_codes(op, constants)
    assert found.real.tolist() == real(codes / 4).tolist()


def test_a_difference_from_a_constant():
    codes, found = of_codes("Sub", [1], first=True)
    assert found.real.tolist() == (1 - codes / 4).tolist()


def test_a_quotient_is_rounded_once():
    """1/3 is RNE(2^15 / 3) of 16 fraction bits less one: then products round."""
    codes, found = of_codes("Div", [3])
    f = found.representation.f
    third = round(Fraction(2**15, 3))
    wanted = [round(Fraction(int(q) * 2**8 * third, 2 ** (10 + 15 - f))) for q in codes]
    assert found.codes.tolist() == wanted
