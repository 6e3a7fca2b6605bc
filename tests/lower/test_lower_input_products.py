"""Networks called token by token: each step makes its input sums, for any number of steps."""

from dataclasses import replace

import numpy as np
import pytest
from agreement import RAPID1, Machine
from networks_to_lower import Draft
from test_lower_embedding import TOKENS, WIDTH, feeds, predictor
from test_lower_halves import Halves, labels

from q4compile.isa.element_type import ElementType
from q4compile.isa.instructions import Ldc, Mm, Std
from q4compile.lower.options import Options, Room
from q4compile.lower.plan.cell_shape import CellShape, choose_grouping
from q4compile.speech.config import PAPER, LmConfig
from q4compile.speech.export import export_lm
from q4compile.speech.lm import CharLm

UNITS = 128
SEEDS = (None, 0, 1)
FOUR = replace(RAPID1, name="four", cores=4)


def agree(machine, units=UNITS):
    for batch, steps in ((1, 1), (3, 1), (2, 5)):
        machine.agree(feeds(batch, batch, steps, 2, units), seeds=SEEDS)


def products(machine):
    """Of them the last one is behind the recurrences."""
    return [word for word in machine.program.code if isinstance(word, Mm)]


def stores(machine):
    """Words that store: h and both states of each layer, the results, and sums if there are any."""
    return sum(isinstance(word, Std) for word in machine.program.code)


@pytest.mark.parametrize("keep_weights", [True, False])
@pytest.mark.parametrize("hidden_form", ["int4", "int8"])
def test_the_second_layer(keep_weights, hidden_form):
    """Of its two products one has a bias, that of the inputs: both are behind the same loads."""
    parts = predictor(2, units=UNITS, hidden_form=hidden_form)
    machine = Machine(parts, batch=4, keep_weights=keep_weights)
    agree(machine)
    assert [word.bias is not None for word in products(machine)] == [False, True, False, True]
    assert stores(machine) == 7


@pytest.mark.parametrize("cores", [2, 4])
@pytest.mark.parametrize("keep_weights", [True, False])
def test_on_several_cores(cores, keep_weights):
    parts = predictor(2, units=256)
    machine = Machine(parts, FOUR, cores=cores, batch=4, keep_weights=keep_weights)
    agree(machine, 256)
    assert stores(machine) == 7


@pytest.mark.parametrize("gates", [1, 3, 4])
def test_groups_are_small_where_steps_are_few(gates):
    """The least that fills the columns of the array; elsewhere the largest of several."""
    units, i4, room = 512, ElementType.I4, Room(Options(batch=4), RAPID1)
    shape = CellShape(units, 1, i4, i4, False, 4, 0, gates, gates == 4, True)
    few, many = (
        choose_grouping(replace(shape, has_few_steps=each), room).units for each in (True, False)
    )
    columns = RAPID1.matrix.columns
    assert few == min(n for n in range(32, units, 32) if gates * n >= columns)
    assert few < many


def test_weights_may_be_coded():
    machine = Machine(predictor(2, units=UNITS, form="int2"), batch=4, code_weights=True)
    agree(machine)
    assert any(isinstance(word, Ldc) for word in machine.program.code)


def test_a_table_that_is_not_folded():
    machine = Machine(predictor(1, units=UNITS), batch=4, folded_table_bytes=0)
    for batch, steps in ((1, 1), (2, 5)):
        machine.agree(feeds(batch, batch, steps, 1, UNITS), seeds=SEEDS)


@pytest.mark.parametrize("op", ["GRU", "RNN"])
def test_other_cells(op):
    draft, width = Draft(), WIDTH
    ids = draft.enter("ids", "B", "U", dtype="int64")
    draft.table("E", TOKENS, WIDTH)
    e = draft.add("Gather", ["E", ids], "e")
    x = draft.add("Transpose", [e], "x", perm=(1, 0, 2), shape=("U", "B", WIDTH))
    draft.constant("one", np.array([1]))
    for n in range(2):
        h = draft.enter(f"h{n}", 1, "B", UNITS)
        y = draft.gated(op, x, None, f"l{n}", width, UNITS, h=h, outputs=(f"y{n}", f"h{n}+"))
        x, width = draft.add("Squeeze", [y, "one"], f"s{n}"), UNITS
    machine = Machine({"model": draft.made(x, "h0+", "h1+")}, batch=4)
    for batch, steps in ((1, 1), (3, 4)):
        given = feeds(batch, batch, steps, 2, UNITS)
        machine.agree({name: each for name, each in given.items() if name[0] != "c"}, seeds=SEEDS)


def test_in_halves(tmp_path):
    """As onnxruntime has it, at any number of steps."""
    import torch

    torch.manual_seed(0)
    model = CharLm(LmConfig(24, 2, 64, PAPER.vocabulary))
    export_lm(model.eval(), tmp_path / "lm.onnx")
    halves = Halves(tmp_path / "lm.onnx", batch=4)
    for batch, steps in ((1, 1), (3, 6)):
        given = labels(halves, "lm", batch, steps)
        halves.agree("lm", given, seeds=range(3))
    assert sum(isinstance(word, Mm) for word in halves.program.code) == 4


@pytest.mark.parametrize("cores", [1, 2])
def test_rows_of_inputs_may_be_shorter_than_those_of_h(cores):
    """A sequence of 12 numbers a step beside 128 units."""
    target = replace(RAPID1, name="two", cores=2)
    given = {"group_units": 32, "keep_weights": False, "folded_table_bytes": 0}
    machine = Machine(predictor(units=128), target, cores=cores, batch=1, **given)
    for steps in (1, 3):
        machine.agree(feeds(steps, 1, steps, 1, 128), seeds=(None, 0))
