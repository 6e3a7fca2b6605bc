"""The same network on 1, 2 and 4 cores: the oracle's codes, in any order of engines and cores."""

from dataclasses import replace

import pytest
from agreement import RAPID1, Machine, compiled, target_of
from networks_to_lower import Draft
from test_lower_embedding import feeds, predictor
from test_lower_lstm import encoder, features, sequences, stepwise
from test_lower_products import perceptron, rows

from q4compile.errors import TargetError
from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Bar, Meet, Mm, Nop, Share
from q4compile.isa.verify import verify
from q4compile.isa.verify.semaphores import indices

FOUR = replace(RAPID1, name="four", cores=4)
SEEDS = (None, 0)
SEVERAL = pytest.mark.parametrize("cores", [2, 4])


def four(kib):
    """Four cores with so much on-chip memory each."""
    return replace(target_of(kib), name="four", cores=4)


def words(machine, kind):
    return [word for word in machine.program.code if isinstance(word, kind)]


@SEVERAL
@pytest.mark.parametrize("options", [{}, {"keep_weights": False, "tile_columns": 16}])
def test_columns_of_products(cores, options):
    """Rows of 3, 8 and 5 units of 16 bytes: some divide, the others are for fewer cores."""
    parts = perceptron(("T", "B"), sizes=(96, 128, 33))
    machine = Machine(parts, FOUR, cores=cores, chunk_rows=8, **options)
    for frames, batch in ((1, 1), (5, 3)):
        machine.agree(rows(frames, frames, batch), seeds=SEEDS)
    assert machine.program.cores == cores


def test_each_core_has_only_its_columns():
    parts = perceptron(("T", "B"), sizes=(128, 64))
    one, all_four = (Machine(parts, FOUR, cores=cores) for cores in (1, 4))
    columns = [[word.columns for word in words(each, Mm)] for each in (one, all_four)]
    assert columns[1] == [columns[0][0] // 4, columns[0][1] // 4]


@SEVERAL
@pytest.mark.parametrize("direction", ["reverse", "bidirectional"])
def test_units_of_a_recurrence(cores, direction):
    machine = Machine(encoder(direction, 128, True), FOUR, cores=cores, batch=4)
    for frames, batch in ((1, 1), (4, 3)):
        machine.agree(sequences(frames, frames, batch, True), seeds=SEEDS)
    assert words(machine, Share)


def test_layers_of_equal_shape_share_their_words():
    """The loop over layers stands around what cores do together."""
    counts = []
    for layers in (3, 4):
        machine = Machine(encoder("bidirectional", 64, layers=layers), FOUR, cores=2, batch=2)
        machine.agree(sequences(layers, 3, 2), seeds=SEEDS)
        counts.append(len(machine.program.code))
    assert counts[0] == counts[1]


@SEVERAL
@pytest.mark.parametrize("keep_weights", [True, False])
def test_states_and_groups_of_units(cores, keep_weights):
    units, parts = 256, stepwise(256)
    machine = Machine(parts, FOUR, cores=cores, batch=4, group_units=32, keep_weights=keep_weights)
    for frames in (1, 4):
        states = {"h": (1, 3, units), "c": (1, 3, units)}
        machine.agree(sequences(units, frames, 3, **states), seeds=SEEDS)
    assert len(words(machine, Share)) == 2, "the tables once, and h of each step"


@SEVERAL
def test_codes_of_8_bits(cores):
    machine = Machine(stepwise(64, hidden_form="int8"), FOUR, cores=cores)
    machine.agree(sequences(0, 3, 2, h=(1, 2, 64), c=(1, 2, 64)), seeds=SEEDS)
    assert words(machine, Share)


@pytest.mark.parametrize("units", [16, 96])
def test_units_that_do_not_divide_are_on_one_core(units):
    machine = Machine(encoder("bidirectional", units, True), FOUR)
    machine.agree(sequences(units, 5, 3, True), seeds=SEEDS)
    assert not words(machine, Share)


@SEVERAL
@pytest.mark.parametrize("folded_table_bytes", [0, 2**20])
def test_tokens(cores, folded_table_bytes):
    parts = predictor(units=128)
    machine = Machine(parts, FOUR, cores=cores, folded_table_bytes=folded_table_bytes)
    for batch, steps in ((1, 1), (3, 4)):
        machine.agree(feeds(batch, batch, steps, units=128), seeds=SEEDS)


def test_only_the_last_states_are_read():
    draft = Draft()
    x, grid = features(draft)
    given = {"direction": "bidirectional", "outputs": ("", "h1", "c1")}
    draft.lstm(x, grid, "l", 12, 128, **given)
    machine = Machine({"model": draft.made("h1", "c1")}, FOUR)
    machine.agree(sequences(4, 5, 3), seeds=SEEDS)
    assert len(words(machine, Share)) == 2


def test_weights_that_do_not_fit_one_core_fit_four():
    """On one core half of them come by at every step: then the loop over time loads weights."""
    parts = encoder("bidirectional", 256, True)
    machines = {cores: Machine(parts, four(160), cores=cores, batch=1) for cores in (1, 4)}
    loaded = {}
    for cores, machine in machines.items():
        counts = []
        for frames in (4, 8):
            data = sequences(frames, frames, 1, True)
            machine.agree(data, seeds=(None,))
            counters = machine.simulator.run("model", data).counters
            counts.append(counters.loaded_bytes)
        loaded[cores] = counts[1] - counts[0]
    weights = 2 * 4 * 256 * 128
    assert loaded[1] > 4 * weights / 2 > 8 * loaded[4]


def test_an_encoder_in_many_orders():
    machine = Machine(encoder("bidirectional", 128, True), FOUR, batch=2)
    machine.agree(sequences(3, 3, 2, lengths=True), seeds=range(6))


def test_one_core_needs_nobody():
    """Whatever the target: its code and data are those of a target with one core."""
    for parts in (encoder("bidirectional", 128, True), perceptron(("T", "B"), sizes=(128, 64))):
        alone, one_of_four = compiled(parts.items()), compiled(parts.items(), FOUR, cores=1)
        assert (alone.code, alone.data) == (one_of_four.code, one_of_four.data)
        assert not {Meet, Share} & {type(word) for word in alone.code}


MACHINE = Machine(encoder("bidirectional", 64), FOUR, cores=2, batch=2)
CODE = MACHINE.program.code
WAITS = [(n, bit) for n, word in enumerate(CODE) for bit in indices(word.wait)]


def findings_without(index, word):
    """What the verifier finds where another word stands."""
    code = (*CODE[:index], replace(word, node=CODE[index].node), *CODE[index + 1 :])
    with pytest.raises(TargetError) as caught:
        verify(replace(MACHINE.program, code=code), FOUR)
    return {finding.code for finding in caught.value.findings}


@pytest.mark.parametrize("index", [n for n, w in enumerate(CODE) if isinstance(w, Meet)][:-1])
def test_without_a_meet(index):
    """But the last, behind which nothing is read."""
    assert findings_without(index, Bar(CODE[index].mask)) == {"Q343"}


@pytest.mark.parametrize("index", [n for n, word in enumerate(CODE) if isinstance(word, Share)])
def test_without_a_share(index):
    word = CODE[index]
    assert findings_without(index, Nop(Engine.ST, wait=word.wait, post=word.post)) == {"Q347"}


@pytest.mark.parametrize(("index", "bit"), WAITS)
def test_without_a_wait(index, bit):
    word = CODE[index]
    less = replace(word, wait=word.wait & ~(1 << bit))
    assert findings_without(index, less) & {"Q340", "Q341", "Q343"}


def test_the_program_has_all_of_it():
    assert {Meet, Share} < {type(word) for word in CODE}
    assert len(WAITS) > 10
