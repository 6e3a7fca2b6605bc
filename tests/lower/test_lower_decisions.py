"""What a network becomes before any words: phases, the forms of values, who shares what."""

from fractions import Fraction

import numpy as np
from agreement import RAPID1
from networks_to_lower import Draft

from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Precision
from q4compile.lower.layout.axes import Axis, Extent
from q4compile.lower.numbers.kinds import Fixed, Grid, finest_for
from q4compile.lower.numbers.product import product_of
from q4compile.lower.numbers.weight_codes import RowCodes
from q4compile.lower.options import Options, Room
from q4compile.lower.phases.operations import Lookup, Multiply, Requantize, Widen
from q4compile.lower.phases.phases import FoldedTable, GatherPhase, RecurrentPhase, RowsPhase
from q4compile.lower.select.select import select


def selected(network, entering=None, **options):
    found = select("model", network, Room(Options(**options), RAPID1), entering or {})
    assert not found.findings, found.findings[0].render()
    return found


def entered(form="int8", zero_point=-20):
    draft = Draft()
    grid = draft.grid("x.grid", form, 0.04, zero_point)
    return draft, draft.enter("x", "T", "B", 12), grid


def test_formats_by_bounds():
    assert finest_for(Fraction(0)) == Fixed(12)
    assert finest_for(Fraction(32767, 2**12)) == Fixed(12)
    assert finest_for(Fraction(32768, 2**12)) == Fixed(11)
    assert finest_for(Fraction(5), most=3) == Fixed(3)
    assert finest_for(Fraction(32767 * 2**16)) == Fixed(-16)
    assert finest_for(Fraction(32768 * 2**16)) is None


def test_stored_codes_are_signed():
    grid = Grid(Fraction(1, 8), 100, 0, 255)
    assert grid.stored == Grid(Fraction(1, 8), -28, -128, 127)
    assert (grid.element, grid.bits) == (ElementType.I8, 8)
    assert Grid(Fraction(1), 3, 0, 15).stored == Grid(Fraction(1), -5, -8, 7)
    narrow = Grid(Fraction(1), 0, -7, 7)
    assert (narrow.stored, narrow.element) == (narrow, ElementType.I4)
    assert Grid(Fraction(1), 0, -128, 127).bound == 128


def test_a_product_by_hand():
    weight = RowCodes(
        np.array([[1, -2], [3, 7]], np.int8), (Fraction(1, 2), Fraction(1, 4)), ElementType.I4
    )
    operand = Grid(Fraction(1, 8), 3, -8, 7)
    made = product_of(weight, operand, [Fraction(1), Fraction(-1)], Fixed(11), "W")
    assert made.bias.tolist() == [16 - 3 * -1, -32 - 3 * 10]
    assert made.multipliers.tolist() == [2**23 | 16 << 24, 2**23 | 17 << 24]
    unsigned = Grid(Fraction(1, 8), 11, 0, 15)
    shifted = product_of(weight, unsigned, [Fraction(1), Fraction(-1)], Fixed(11), "W")
    assert shifted.bias.tolist() == made.bias.tolist()  # 11 − 8 = 3


def test_one_phase_for_a_product_and_what_leads_to_it():
    draft, x, grid = entered()
    a, b = (draft.linear(x, grid, name, 12, 16) for name in "ab")
    t = draft.add("Tanh", [draft.add("Mul", [a, b], "m")], "t")
    y = draft.linear(t, draft.grid("t.grid", "int4", 0.14), "y", 16, 9, form="int8")
    first, second, last = selected(draft.made(y)).phases
    assert all(isinstance(each, RowsPhase) for each in (first, second, last))
    assert first.product.precision is second.product.precision is Precision.W4A8
    operations = [type(step.operation) for step in last.steps]
    assert operations == [Multiply, Lookup, Requantize]
    assert last.steps[-1].result.element is ElementType.I8  # as wide as the weights at once
    assert last.product.precision is Precision.INT8
    assert [each.name for each in last.inputs] == ["a", "b"]


def test_what_several_read_is_stored_once():
    draft, x, grid = entered()
    t = draft.add("Tanh", [draft.linear(x, grid, "a", 12, 16)], "t")
    y = draft.linear(t, draft.grid("y.grid", "int4", 0.14), "y", 16, 9)
    z = draft.linear(t, draft.grid("z.grid", "int8", 0.01), "z", 16, 9)
    phases = selected(draft.made(y, z)).phases
    assert [each.node for each in phases] == ["/a.product", "/t", "/y.product", "/z.product"]
    assert phases[1].product is None


def test_codes_of_4_bits_are_widened_for_weights_of_8():
    draft, x, grid = entered("int4", 0)
    y = draft.linear(x, grid, "y", 12, 9, form="int8")
    (phase,) = selected(draft.made(y)).phases
    assert [type(step.operation) for step in phase.steps] == [Widen]
    assert phase.product.precision is Precision.INT8


def test_a_result_is_on_the_grid_of_its_readers_if_they_agree():
    for other, kind in (("same", Grid), ("other", Fixed)):
        draft, x, grid = entered()
        y = draft.linear(x, grid, "y", 12, 16)
        draft.grid("same", "int4", 0.25)
        draft.grid("other", "int4", 0.5)
        a = draft.linear(y, "same", "a", 16, 9)
        turned = draft.add("Transpose", [y], "turned", perm=(1, 0, 2))
        b = draft.linear(turned, other, "b", 16, 9)
        phases = selected(draft.made(a, b)).phases
        assert isinstance(phases[0].product.result.kind, kind)


def test_what_another_component_makes_is_what_it_is_there():
    draft, x, grid = entered()
    y = draft.linear(x, grid, "y", 12, 16)
    made = selected(draft.made(y)).outputs
    joint = Draft()
    joint.enter("y", "T", "B", 16)
    t = joint.add("Tanh", ["y"], "t")
    found = selected(joint.made(t), made)
    assert found.ports[0].tensor.kind == made["y"].kind
    assert found.phases[0].steps[0].operation.left_shift == max(11 - made["y"].kind.f, 0)


def test_tables_replace_the_first_product():
    for limit, kinds in ((2**20, [RecurrentPhase]), (0, [GatherPhase, RowsPhase, RecurrentPhase])):
        draft = Draft()
        ids = draft.enter("ids", "B", "U", dtype="int64")
        draft.table("E", 11, 12)
        x = draft.add(
            "Transpose",
            [draft.add("Gather", ["E", ids], "e")],
            "x",
            perm=(1, 0, 2),
            shape=("U", "B", 12),
        )
        y = draft.lstm(x, None, "l", 12, 32)
        found = selected(draft.made(y), folded_table_bytes=limit)
        assert [type(each) for each in found.phases] == kinds
        assert isinstance(found.phases[-1].source, FoldedTable) == (limit > 0)
        assert found.lane == Axis("B")


def test_h_has_the_type_that_its_weights_need():
    for recurrent, units, element in (
        ("int4", 32, ElementType.I4),
        ("int8", 32, ElementType.I8),
        ("int4", 31, ElementType.I8),
    ):
        draft, x, grid = entered()
        y = draft.lstm(x, grid, "l", 12, units, recurrent_form=recurrent)
        phase = selected(draft.made(y)).phases[-1]
        assert phase.cell.element is phase.output.element is element


def test_rows_are_the_batch_only_where_it_matters():
    draft, x, grid = entered()
    assert selected(draft.made(draft.linear(x, grid, "y", 12, 9))).lane is None
    draft, x, grid = entered()
    assert selected(draft.made(draft.lstm(x, grid, "l", 12, 32))).lane == Axis("B")


def test_time_comes_before_the_batch_in_memory():
    draft = Draft()
    grid = draft.grid("x.grid", "int8", 0.04, -20)
    x = draft.enter("x", "B", "T", 12)
    turned = draft.add("Transpose", [x], "turned", perm=(1, 0, 2), shape=("T", "B", 12))
    y = draft.lstm(turned, grid, "l", 12, 32)
    found = selected(draft.made(y))
    assert found.ports[0].tensor.rows == (Axis("T"), Axis("B"))
    assert found.sizes.extent(found.ports[0].tensor.rows) == Extent(1, ("B", "T"))
