"""Tokens: rows of a table, or of a table of input sums that takes the place of a product."""

import numpy as np
import pytest
from agreement import Machine
from networks_to_lower import Draft

TOKENS, WIDTH, UNITS = 11, 12, 32


def predictor(layers=1, shape=("B", "U"), table_form="int4", units=UNITS, **given):
    """Embedding, LSTMs with their states as ports, projection."""
    draft = Draft()
    ids = draft.enter("ids", *shape, dtype="int64")
    draft.table("E", TOKENS, WIDTH, form=table_form)
    e = draft.add("Gather", ["E", ids], "e")
    x = draft.add("Transpose", [e], "x", perm=(1, 0, 2), shape=(shape[1], shape[0], WIDTH))
    draft.constant("one", np.array([1]))
    outputs, width = [], WIDTH
    for n in range(layers):
        h, c = draft.enter(f"h{n}", 1, shape[0], units), draft.enter(f"c{n}", 1, shape[0], units)
        y = draft.lstm(
            x, None, f"l{n}", width, units, h=h, c=c, outputs=(f"y{n}", f"h{n}+", f"c{n}+"), **given
        )
        x, width = draft.add("Squeeze", [y, "one"], f"s{n}"), units
        outputs += [f"h{n}+", f"c{n}+"]
    y = draft.linear(x, f"l{layers - 1}.h", "y", units, 9)
    return {"model": draft.made(y, *outputs)}


def feeds(seed, batch, steps, layers=1, units=UNITS):
    random = np.random.default_rng(seed)
    found = {"ids": random.integers(0, TOKENS, (batch, steps))}
    for n in range(layers):
        for name in ("h", "c"):
            state = random.normal(0, 0.7, (1, batch, units))
            found[f"{name}{n}"] = state.astype(np.float32)
    return found


def mnemonics(machine):
    return [word.mnemonic for word in machine.program.code]


@pytest.mark.parametrize("folded_table_bytes", [0, 2**20])
@pytest.mark.parametrize("table_form", ["int4", "int8"])
def test_folded_or_not_it_is_the_same(folded_table_bytes, table_form):
    parts = predictor(table_form=table_form)
    machine = Machine(parts, folded_table_bytes=folded_table_bytes)
    for batch, steps in ((1, 1), (3, 5), (32, 2)):
        machine.agree(feeds(batch, batch, steps))
    assert mnemonics(machine).count("gath") == 1
    assert mnemonics(machine).count("mm") == (5 if folded_table_bytes == 0 else 4) - 2


def test_states_of_many_layers_share_a_register():
    machine = Machine(predictor(layers=4))
    machine.agree(feeds(1, 3, 4, layers=4))
    entry = machine.program.entry("model")
    states = {port.register for port in entry.ports if port.name[0] in "hc"}
    assert len(states) == 1


def test_groups_of_units():
    for keep_weights in (True, False):
        machine = Machine(predictor(), group_units=16, keep_weights=keep_weights)
        machine.agree(feeds(2, 3, 4))
    parts = predictor(hidden_form="int8", form="int8")
    for keep_weights in (True, False):
        machine = Machine(parts, group_units=16, keep_weights=keep_weights)
        machine.agree(feeds(2, 3, 4))
        assert "loop" in mnemonics(machine)


def test_one_sequence_or_few():
    for batch in (1, 4):
        Machine(predictor(shape=(batch, "U"))).agree(feeds(3, batch, 5))


def test_both_directions_on_tokens():
    draft = Draft()
    ids = draft.enter("ids", "B", "U", dtype="int32")
    n = draft.enter("n", "B", dtype="int32")
    draft.table("E", TOKENS, WIDTH)
    e = draft.add("Gather", ["E", ids], "e")
    x = draft.add("Transpose", [e], "x", perm=(1, 0, 2), shape=("U", "B", WIDTH))
    y = draft.lstm(x, None, "l", WIDTH, UNITS, direction="bidirectional", lengths=n)
    machine = Machine({"model": draft.made(y)})
    given = feeds(4, 3, 6)
    machine.agree({"ids": given["ids"], "n": np.array([6, 1, 4])})


def test_rows_for_a_product():
    """A product reads the rows on a grid of their own: they are encoded on that one."""
    draft = Draft()
    ids = draft.enter("ids", "B", "U", dtype="int64")
    draft.table("E", TOKENS, WIDTH)
    e = draft.add("Gather", ["E", ids], "e")
    y = draft.linear(e, draft.grid("e.grid", "int8", 0.007), "y", WIDTH, 9)
    machine = Machine({"model": draft.made(y)})
    for batch, steps in ((1, 1), (3, 7)):
        machine.agree({"ids": feeds(5, batch, steps)["ids"]})


def test_a_token_beyond_the_table_is_a_trap():
    machine = Machine(predictor())
    given = feeds(6, 2, 3)
    given["ids"][1, 2] = TOKENS
    with pytest.raises(Exception, match="Q365"):
        machine.simulator.run("model", given)
