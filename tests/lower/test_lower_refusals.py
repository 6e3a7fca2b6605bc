"""What cannot be lowered is refused by name, all of it at once."""

from dataclasses import replace

import numpy as np
import pytest
from agreement import RAPID1, target_of
from networks_to_lower import Draft

from q4compile.errors import TargetError
from q4compile.lower.lower import lower
from q4compile.lower.options import Options


def refused(parts, target=RAPID1, **options):
    with pytest.raises(TargetError) as caught:
        lower(parts.items(), target, Options(**options))
    return f"{caught.value}"


def entered():
    draft = Draft()
    grid = draft.grid("x.grid", "int8", 0.04, -20)
    return draft, draft.enter("x", "T", "B", 12), grid


def operators():
    draft, x, grid = entered()
    y = draft.linear(x, grid, "y", 12, 8)
    draft.add("Exp", [y], "exp")
    draft.add("Identity", ["exp"], "after")  # depends on what is refused: passed by
    draft.weight("W", 12, 8, axes=(1,))
    draft.add("Gemm", [(x, grid), "W"], "gemm", alpha=2.0)
    draft.lstm(x, grid, "l", 12, 8)
    draft.nodes[-1].attributes["clip"] = 3.0
    n = draft.enter("n", "B", dtype="int64")
    draft.lstm(x, grid, "last", 12, 8, lengths=n, outputs=("last", "h", ""))
    draft.add("Max", [y, y, y], "three")
    draft.add("Cast", [y], "cast", to=1)
    draft.add("Softmax", [y], "columns", axis=1)
    draft.add("ReduceSum", [y], "dropped", axes=(0,), keepdims=0)
    draft.weight("kernel", 8, 12, 3, 3, 3, axes=(0,))
    draft.add("Conv", [(x, grid), "kernel"], "image")
    draft.add("Add", [n, draft.constant("c", np.array(1))], "more")
    return draft.made(
        "after", "gemm", "l", "last", "three", "cast", "more", "columns", "dropped", "image"
    )


def values():
    draft, x, grid = entered()
    y = draft.linear(x, grid, "y", 12, 8)
    draft.linear(y, None, "unquantized", 8, 8)
    twice = draft.enter("twice", "T", "B", 12)
    for name in "ab":
        draft.linear(twice, draft.grid(name, "int8", 0.05 + 0.01 * (name == "a")), name, 12, 8)
    draft.linear(y, draft.grid("wide", "int16", 0.001), "wide", 8, 8)
    draft.enter("unread", "B", 4)
    t = draft.add("Tanh", [(y, draft.grid("t.grid"))], "tanh")
    draft.add("Add", [draft.vector("v", 8), draft.vector("w", 8)], "constant")
    draft.add("Add", [draft.add("Tanh", [y], "u"), t], "of tanh")
    draft.lstm("y", draft.grid("y.grid"), "l", 8, 8, hidden="fp16")
    return draft.made("unquantized", "a", "b", "wide", "tanh", "constant", "of tanh", "l")


def constants():
    """What a row beside a value cannot be, and numbers that no step has."""
    draft, x, grid = entered()
    y = draft.linear(x, grid, "y", 12, 8)
    t = draft.add("Tanh", [y], "t")
    rows = draft.constant("rows", np.ones((5, 1, 8), np.float32))
    two, none = (draft.constant(f"{n}", np.array(n, np.float32)) for n in (2.5, 0))
    made = [
        draft.add("Add", [y, rows], "varying"),
        draft.add("Mul", [y, draft.constant("inf", np.array(np.inf, np.float32))], "infinite"),
        draft.add("Div", [y, t], "ratio"),
        draft.add("Div", [two, y], "reciprocal"),
        draft.add("Div", [y, none], "by nothing"),
        draft.add("Pow", [y, two], "power"),
        draft.add("Pow", [y, t], "any power"),
        draft.add("LeakyRelu", [y], "leak", alpha=1.5),
        draft.add("PRelu", [y, t], "slopes"),
        draft.add("Clip", [y, t], "ends"),
        draft.add("Gelu", [y], "gelu", approximate="sigmoid"),
    ]
    return draft.made(*made)


def weights():
    draft, x, grid = entered()
    draft.constant("float", np.ones((12, 8), np.float32))
    draft.add("MatMul", [(x, grid), "float"], "a")
    draft.weight("groups", 12, 8, axes=(1,))
    scales = np.linspace(0.1, 1, 16).astype(np.float32)
    draft.weights["groups"] = replace(draft.weights["groups"], scales=scales, row_elements=6)
    draft.constants["groups"] = np.zeros((12, 8), np.float32)
    draft.add("MatMul", [(x, grid), "groups"], "b")
    ids = draft.enter("ids", "B", "U", dtype="int64")
    draft.constant("table", np.ones((5, 8), np.float32))
    draft.add("Gather", ["table", ids], "c")
    draft.add("MatMul", [(x, grid), draft.linear(x, grid, "y", 12, 12)], "d")
    draft.weight("V", 8, 12, axes=(0,))
    bias = draft.add("Identity", ["y"], "bias")
    draft.add("Gemm", [(x, grid), "V", bias], "e", transB=1)
    return draft.made("a", "b", "c", "d", "e")


def numbers():
    draft, x, grid = entered()
    for name, scale in (("tiny", 2.0**-40), ("huge", 2.0**40)):
        draft.weight(f"{name}.W", 12, 8, axes=(1,), scale=scale)
        draft.add("MatMul", [(x, grid), f"{name}.W"], name)
    draft.add("Add", ["tiny", draft.vector("b", 8, scale=2.0**20)], "sum")
    y = draft.linear(x, grid, "y", 12, 8)
    draft.linear(y, draft.grid("fine", "int4", 2.0**-40), "z", 8, 8)
    return draft.made("sum", "huge", "z")


def layouts():
    draft, x, grid = entered()
    y = draft.linear(x, grid, "y", 12, 8)
    draft.add("Reshape", [y, draft.constant("s", np.array([0, 0, 2, 4]))], "split")
    draft.add("Reshape", [y, draft.constant("f", np.array([-1, 8]))], "flat")
    z = draft.linear(y, draft.grid("y.grid", "int4", 0.4), "z", 8, 8)
    draft.add("Add", [y, draft.add("Transpose", [z], "turned", perm=(0, 2, 1))], "sum")
    starts = [draft.constant(n, np.array([v])) for n, v in (("1", 1), ("5", 5), ("0", 0))]
    draft.add("Slice", [y, *starts], "slice")
    draft.add("Concat", [y, z], "stacked", axis=0)
    draft.add("Concat", [y, draft.add("Tanh", [z], "t")], "mixed", axis=2)
    draft.add("Squeeze", [y, "0"], "squeezed")
    draft.enter("waves", "B", "samples")
    draft.add("Identity", [("waves", grid)], "waved")
    return draft.made("split", "flat", "sum", "slice", "stacked", "mixed", "squeezed", "waved")


def reductions():
    """Two of one length, frames in another order, and an LSTM that would see frames too many."""
    draft, x, grid = entered()
    n = draft.enter("n", "B", dtype="int64")
    for k, name in enumerate(("first", "second")):
        draft.constant(name, np.array([k]))
    draft.constant("end", np.array([2**63 - 1]))
    draft.constant("pads", np.array([0, 0, 0, 1, 0, 0]))
    draft.constant("shape", np.array([0, 0, -1]))

    def folded(value, by, order):
        draft.constant(f"by{by}", np.array([by]))
        padded = draft.add("Pad", [value, "pads"], f"{value}.padded{by}")
        parts = [
            draft.add("Slice", [source, start, "end", "first", f"by{by}"], f"{value}.{start}{by}")
            for source, start in ((value, "first"), (padded, "second"))
        ]
        return draft.add("Concat", parts[::order], f"{value}.folded{by}{order}", axis=2)

    y = draft.lstm(x, grid, "l", 12, 32, lengths=n)
    draft.add("Transpose", [y], "t", perm=(0, 2, 1, 3))
    draft.add("Reshape", ["t", "shape"], "r")
    z = draft.lstm(x, grid, "without lengths", 12, 32)
    q = draft.add("Identity", [(x, grid)], "q")
    made = [folded("r", 2, 1), folded(q, 2, -1), folded(q, 3, 1)]
    return draft.made(*made, z)


CASES = {
    "Q321-lower-operators": operators,
    "Q322-lower-values": values,
    "Q322-lower-constants": constants,
    "Q323-lower-weights": weights,
    "Q324-lower-numbers": numbers,
    "Q325-lower-layouts": layouts,
    "Q325-lower-reductions": reductions,
}


@pytest.mark.parametrize("name", CASES)
def test_refusals(name, golden):
    text = refused({"encoder": CASES[name]()})
    assert f"error[{name[:4]}]" in text
    golden(f"errors/{name}.txt", text)


def test_the_findings_of_all_components(golden):
    draft, x, grid = entered()
    draft.add("Exp", [draft.linear(x, grid, "y", 12, 8)], "z")
    golden("errors/Q321-lower-two-components.txt", refused({"a": draft.made("z"), "b": numbers()}))


def test_too_little_on_chip_memory(golden):
    draft, x, grid = entered()
    y = draft.lstm(x, grid, "l", 12, 256)
    z = draft.linear(x, grid, "z", 12, 20)
    parts = {"encoder": draft.made(y)}
    golden("errors/Q326-lower-lstm.txt", refused(parts, target_of(64)))
    draft, x, grid = entered()
    z = draft.linear(x, grid, "z", 12, 4000)
    w = draft.linear(z, draft.grid("z.grid", "int8", 0.1), "w", 4000, 20)
    golden("errors/Q326-lower-product.txt", refused({"encoder": draft.made(w)}, target_of(16)))


def test_rows_that_no_word_can_name(golden):
    draft = Draft()
    grid = draft.grid("x.grid", "int8", 0.04)
    long = draft.enter("long", "B", 70_000)
    y = draft.linear(long, grid, "y", 70_000, 8)
    z = draft.lstm(draft.enter("x", "T", "B", 4), grid, "l", 4, 8200)
    golden("errors/Q325-lower-long-rows.txt", refused({"encoder": draft.made(z)}))
    draft.nodes, draft.inputs = draft.nodes[:2], draft.inputs[:1]
    golden("errors/Q325-lower-long-input.txt", refused({"encoder": draft.made(y)}))


def test_more_sizes_than_registers(golden):
    draft = Draft()
    grid = draft.grid("grid", "int8", 0.04)
    made = [
        draft.linear(draft.enter(f"x{n}", f"T{n}", "B", 12), grid, f"y{n}", 12, 8) for n in range(6)
    ]
    golden("errors/Q327-lower-sizes.txt", refused({"encoder": draft.made(*made)}))


def test_more_than_the_target_holds(golden):
    draft, x, grid = entered()
    parts = {"encoder": draft.made(draft.linear(x, grid, "y", 12, 8))}
    sequencer = replace(RAPID1.sequencer, code_words=12)
    golden("errors/Q328-lower-code.txt", refused(parts, replace(RAPID1, sequencer=sequencer)))
    wide = Draft()
    grid = wide.grid("x.grid", "int8", 0.04)
    y = wide.linear(wide.enter("x", "B", 2000), grid, "y", 2000, 1100)
    dram = replace(RAPID1.dram, size_mib=1)
    found = refused({"encoder": wide.made(y)}, replace(RAPID1, dram=dram))
    golden("errors/Q328-lower-data.txt", found)


def test_more_cores_than_the_target_has(golden):
    draft, x, grid = entered()
    parts = {"encoder": draft.made(draft.linear(x, grid, "y", 12, 8))}
    golden("errors/Q328-lower-cores.txt", refused(parts, cores=2))
