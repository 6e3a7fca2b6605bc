"""Products with constants and what lies between them, on the machine and in the oracle."""

import numpy as np
import pytest
from agreement import Machine, target_of
from networks_to_lower import Draft

WIDTH = 20


def rows(seed, *shape):
    random = np.random.default_rng(seed)
    return {"x": random.normal(0, 2, (*shape, WIDTH)).astype(np.float32)}


def entered(shape, form="int8", zero_point=-20):
    draft = Draft()
    grid = draft.grid("x.grid", form, 0.04 if "8" in form else 0.5, zero_point)
    return draft, draft.enter("x", *shape, WIDTH), grid


def perceptron(shape=("B",), sizes=(24, 32, 5), forms=("int4", "int8", "int4")):
    """Products one after the other; all but the last are read on the grid of the next."""
    draft, x, grid = entered(shape)
    width = WIDTH
    for n, size in enumerate(sizes):
        x = draft.linear(x, grid, f"y{n}", width, size, form=forms[n % len(forms)], bias=n != 1)
        grid, width = draft.grid(f"y{n}.grid", ("int4", "int8")[n % 2], 0.4), size
    return {"model": draft.made(x)}


@pytest.mark.parametrize(
    "shape", [("B",), ("B", "T"), ("T", "B"), (3, "T"), (1, "T"), ("T", 4, "B")]
)
def test_any_axes_of_rows(shape):
    machine = Machine(perceptron(shape), chunk_rows=8)
    for seed, (batch, frames) in enumerate([(1, 1), (3, 8), (5, 13)]):
        sizes = [{"B": batch, "T": frames}.get(size, size) for size in shape]
        machine.agree(rows(seed, *sizes))


@pytest.mark.parametrize("chunk_rows", [1, 2, 5, 16, 64, 128])
@pytest.mark.parametrize("tile_columns", [8, 32, 100])
@pytest.mark.parametrize("keep_weights", [True, False])
def test_any_tiles(chunk_rows, tile_columns, keep_weights):
    options = {"chunk_rows": chunk_rows, "tile_columns": tile_columns}
    parts = perceptron(("T", "B"), sizes=(96, 64, 33))
    machine = Machine(parts, keep_weights=keep_weights, **options)
    for frames in (1, 7):
        machine.agree(rows(frames, frames, 5))


@pytest.mark.parametrize(("kib", "batch"), [(2048, 32), (64, 32), (24, 32), (16, 32), (16, 1)])
def test_sizes_of_on_chip_memory(kib, batch):
    machine = Machine(perceptron(("T", "B"), sizes=(96, 64, 33)), target_of(kib), batch=batch)
    machine.agree(rows(kib, 41, min(batch, 3)))


@pytest.mark.parametrize("x_form", ["int4", "int8", "uint8", "uint4", "int3"])
@pytest.mark.parametrize("form", ["int2", "int4", "int8"])
def test_formats(x_form, form):
    zero = {"uint8": 100, "uint4": 6, "int8": 4}.get(x_form, 0)
    draft, x, grid = entered(("B",), x_form, zero)
    y = draft.linear(x, grid, "y", WIDTH, 17, form=form)
    to = draft.grid("y.grid", x_form, 0.6 if "8" not in x_form else 0.03, zero)
    z = draft.linear(y, to, "z", 17, 9, form=form)
    Machine({"model": draft.made(z)}).agree(rows(1, 7))


def test_gemm_in_both_orientations():
    draft, x, grid = entered(("B",))
    draft.weight("W", 12, WIDTH, axes=(0,))
    draft.add("Gemm", [(x, grid), "W", draft.vector("b", 12)], "y", transB=1)
    draft.weight("V", 12, 6, axes=(1,))
    draft.add(
        "Gemm",
        [("y", draft.grid("g", "int4", 0.3)), "V", draft.constant("one", np.float32([0.7]))],
        "z",
    )
    Machine({"model": draft.made("z")}).agree(rows(2, 6))


def test_read_on_several_grids_and_as_it_is():
    """A value that several read stays fixed-point; each reader brings it to a grid of its own."""
    draft, x, grid = entered(("T", "B"))
    y = draft.linear(x, grid, "y", WIDTH, 16)
    a = draft.linear(y, draft.grid("a.grid", "int4", 0.25), "a", 16, 8)
    b = draft.linear(y, draft.grid("b.grid", "int8", 0.02, 5), "b", 16, 8, form="int8")
    c = draft.add("Add", [a, b], "c")
    machine = Machine({"model": draft.made(y, c)}, chunk_rows=4)
    machine.agree(rows(3, 5, 3))


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Max", "Min"])
def test_two_operands(op):
    draft, x, grid = entered(("T", "B"))
    a, b = (draft.linear(x, grid, name, WIDTH, 24) for name in "ab")
    if op in ("Max", "Min"):
        b = draft.add("Relu", [a], "relu")
        a = draft.add(op, [a, b], "m")
    y = draft.add(op, [a, b], "y")
    machine = Machine({"model": draft.made(y)}, chunk_rows=4)
    machine.agree(rows(4, 7, 2))


def test_a_chain_becomes_one_phase_with_the_product_behind_it():
    draft, x, grid = entered(("T", "B"))
    a, b = (draft.linear(x, grid, name, WIDTH, 24) for name in "ab")
    s = draft.add("Sigmoid", [draft.add("Sub", [a, b], "d")], "s")
    t = draft.add("Tanh", [draft.add("Mul", [a, s], "p")], "t")
    r = draft.add("Relu", [draft.add("Add", [t, b], "u")], "r")
    y = draft.linear(r, draft.grid("r.grid", "int4", 0.2), "y", 24, 7, form="int8")
    machine = Machine({"model": draft.made(y)}, chunk_rows=4)
    machine.agree(rows(5, 6, 3), seeds=range(4))
    bars = [word for word in machine.program.code if word.mnemonic == "bar"]
    assert len(bars) == 3  # two products, and all of the rest


def test_broadcast_over_frames_labels_and_batch():
    """The joint of a transducer, its operands in either order."""
    for turned in (False, True):
        draft = Draft()
        e, p = draft.enter("e", "B", "T", 1, 16), draft.enter("p", "B", 1, "U", 16)
        for name in (e, p):
            draft.add("Identity", [(name, draft.grid(f"{name}.grid", "int8", 0.05))], f"{name}.q")
        f, g = (draft.linear(f"{name}.q", f"{name}.grid", f"{name}.y", 16, 24) for name in (e, p))
        m = draft.add("Mul", [g, f] if turned else [f, g], "m")
        t = draft.add("Tanh", [m], "t")
        y = draft.linear(t, draft.grid("t.grid", "int4", 0.14), "y", 24, 9, form="int8")
        machine = Machine({"model": draft.made(y)})
        random = np.random.default_rng(7)
        for batch, frames, labels in ((1, 1, 1), (3, 4, 2), (2, 1, 5), (4, 3, 1)):
            machine.agree(
                {
                    "e": random.normal(0, 2, (batch, frames, 1, 16)).astype(np.float32),
                    "p": random.normal(0, 2, (batch, 1, labels, 16)).astype(np.float32),
                }
            )


@pytest.mark.parametrize("keep_weights", [True, False])
def test_broadcast_of_one_row_over_the_batch(keep_weights):
    draft = Draft()
    x, v = draft.enter("x", "B", "T", WIDTH), draft.enter("v", 1, "T", WIDTH)
    a = draft.linear(x, draft.grid("x.grid", "int8", 0.05), "a", WIDTH, 24)
    b = draft.linear(v, draft.grid("v.grid", "int8", 0.05), "b", WIDTH, 24)
    y = draft.linear(draft.add("Sub", [a, b], "d"), draft.grid("d.grid", "int4", 0.5), "y", 24, 40)
    z = draft.add("Add", [b, a], "z")
    machine = Machine({"model": draft.made(y, z)}, keep_weights=keep_weights, tile_columns=16)
    random = np.random.default_rng(8)
    for batch, frames in ((1, 1), (3, 4)):
        machine.agree(
            {
                "x": random.normal(0, 2, (batch, frames, WIDTH)).astype(np.float32),
                "v": random.normal(0, 2, (1, frames, WIDTH)).astype(np.float32),
            }
        )


def test_products_for_tables_that_saturate():
    """x · y with fewer fraction bits than tables read: the table's word makes up for them."""
    draft, x, grid = entered(("B",))
    a, b = (draft.linear(x, grid, name, WIDTH, 24) for name in "ab")
    for name in "ab":
        draft.constants[f"{name}.b"] *= 20_000
    m = draft.add("Mul", [a, b], "m")
    t = draft.add("Tanh", [m], "t")
    y = draft.linear(t, draft.grid("t.grid", "int4", 0.14), "y", 24, 9)
    machine = Machine({"model": draft.made(y)})
    luts = [word for word in machine.program.code if word.mnemonic == "lut"]
    assert luts[0].left_shift > 0
    machine.agree(rows(9, 5))


def test_side_by_side():
    draft, x, grid = entered(("T", "B"))
    a = draft.linear(x, grid, "a", WIDTH, 24)
    b = draft.linear(x, grid, "b", WIDTH, 16)
    for name in "ab":
        draft.constants[f"{name}.b"] = draft.constants[f"{name}.b"] * 0
    t = [draft.add("Tanh", [name], f"t{name}") for name in (a, b)]
    c = draft.add("Concat", t, "c", axis=-1)
    y = draft.linear(c, draft.grid("c.grid", "int4", 0.14), "y", 40, 9)
    machine = Machine({"model": draft.made(c, y)}, chunk_rows=4)
    machine.agree(rows(10, 5, 3))


def test_outputs_that_are_inputs_or_one_another():
    draft, x, grid = entered(("T", "B"))
    y = draft.linear(x, grid, "y", WIDTH, 16)
    z = draft.add("Transpose", [y], "z", perm=(1, 0, 2))
    same = draft.add("Identity", [(x, grid)], "same")
    machine = Machine({"model": draft.made(y, z, same)}, chunk_rows=4)
    machine.agree(rows(11, 5, 3))
