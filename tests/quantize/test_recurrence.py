"""The Scan functions against onnxruntime's own operators and against a loop over time in numpy."""

from dataclasses import replace
from itertools import product

import numpy as np
import onnx_ir as ir
import pytest

from q4compile.graph.recurrent import GATES, OWN_DOMAIN
from q4compile.numerics.formats import FORMATS
from q4compile.numerics.rounding import fake_quantize
from q4compile.quantize.editor import Editor
from q4compile.quantize.recurrence import Variant
from q4compile.quantize.recurrent_call import DIRECTIONS

STEPS, BATCH, WIDTH, HIDDEN = 7, 3, 4, 5
LENGTHS = np.array([7, 4, 1], np.int32)
NATIVE_TOLERANCE = 2e-6
"""Ours and onnxruntime's sigmoid and tanh are other polynomials: 5e-7 apart at most here."""
FLIPPED_SHARE = 0.01
"""Codes of h that may differ from the reference: sums are taken in another order, so a value within
1e-6 of the border between two codes falls on either side, and one such code changes later steps."""

KINDS = {
    "lstm": Variant("LSTM", (0,)),
    "gru": Variant("GRU", (0,)),
    "gru-linear": Variant("GRU", (0,), linear_before_reset=True),
    "rnn": Variant("RNN", (0,)),
    "rnn-relu": Variant("RNN", (0,), activation="Relu"),
}
OPTIONS = list(product([(0,), (1,), (0, 1)], [False, True], [False, True]))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def operands(variant, seed=0):
    """X, W, R, B and, where the variant has them, lengths and initial states, by port name."""
    rng = np.random.default_rng(seed)
    d, rows = len(variant.directions), GATES[variant.kind] * HIDDEN

    def normal(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    made = {
        "X": normal(STEPS, BATCH, WIDTH),
        "W": normal(d, rows, WIDTH),
        "R": normal(d, rows, HIDDEN) * np.float32(0.7),
        "B": normal(d, 2 * rows) * np.float32(0.3),
    }
    if variant.has_lengths:
        made["sequence_lens"] = LENGTHS
    if variant.has_initial:
        made["initial_h"] = np.tanh(normal(d, BATCH, HIDDEN))
        if variant.kind == "LSTM":
            made["initial_c"] = normal(d, BATCH, HIDDEN)
    return made


def model_of(variant, feeds, domain=OWN_DOMAIN):
    """A model of one node whose inputs are `feeds`; grids are constants of the graph."""
    ports = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c")
    constants = {name: feed for name, feed in feeds.items() if isinstance(feed, ir.TensorProtocol)}
    inputs = [
        ir.Value(
            name=name,
            type=ir.TensorType(ir.DataType.from_numpy(feed.dtype)),
            shape=ir.Shape([f"{name}{axis}" for axis in range(feed.ndim)]),
        )
        for name, feed in feeds.items()
        if name not in constants
    ]
    graph = ir.Graph(inputs, [], nodes=[], opset_imports={"": 21}, name="main")
    model = ir.Model(graph, ir_version=10)
    editor = Editor(model)
    values = {value.name: value for value in inputs}
    values |= {name: editor.constant(name, tensor) for name, tensor in constants.items()}
    names = [*ports, *(variant.grid_inputs if domain else ())]
    attributes = {"hidden_size": HIDDEN, "direction": DIRECTIONS[variant.directions]}
    if not domain:
        if variant.linear_before_reset:
            attributes["linear_before_reset"] = 1
        if variant.kind == "RNN":
            attributes["activations"] = [variant.activation] * len(variant.directions)
        names = names[:6] if variant.kind != "LSTM" else names
    outputs = variant.outputs if domain else ("Y", "Y_h", "Y_c")[: 3 - (variant.kind != "LSTM")]
    node = ir.node(
        variant.kind,
        [values.get(name) for name in names],
        attributes,
        domain=domain,
        overload=variant.overload if domain else "",
        num_outputs=len(outputs),
        name="node",
    )
    graph.append(node)
    for name, value in zip(outputs, node.outputs, strict=True):
        value.name, value.type = name, ir.TensorType(ir.DataType.FLOAT)
        value.shape = ir.Shape([f"{name}{axis}" for axis in range(3 + (name in "YCZ"))])
        graph.outputs.append(value)
    if domain:
        editor.function(variant)
    return model


class Grid:
    """An encoding as plain numbers; None stands for a float32 value."""

    def __init__(self, format, scale, zero_point=0):
        self.format, self.scale, self.zero_point = FORMATS[format], np.float32(scale), zero_point
        self.lo, self.hi = self.format.codes()

    def __call__(self, x):
        if self.format.is_float:
            return np.asarray(x, np.float16).astype(np.float32)
        return fake_quantize(x, self.scale, self.zero_point, self.lo, self.hi)

    def feeds(self, name, unit):
        """What the function wants to know of the grid."""
        if self.format.is_float:
            return {}
        kind = {8: ir.DataType.INT8, 16: ir.DataType.INT16}.get(self.format.bits, ir.DataType.INT4)
        kind = kind if self.format.signed else ir.DataType.UINT4
        code = np.array(self.zero_point, kind.numpy())
        made = {f"{name}_scale": ir.Tensor(np.array(self.scale))}
        made[f"{name}_zero_point"] = ir.Tensor(code, dtype=kind)
        if self.format.bits < 4:
            step = np.float32(1 if unit else self.scale)
            made[f"{name}_min"] = ir.Tensor(np.array((self.lo - self.zero_point) * step))
            made[f"{name}_max"] = ir.Tensor(np.array((self.hi - self.zero_point) * step))
        return made


def same(x):
    return x


def reference(variant, feeds, h_grid=same, c_grid=same, z_grid=same):
    """Y, Y_h, Y_c, C, Z of the ONNX definitions, one step after the other, in float64."""
    x, w, r, b = (np.asarray(feeds[name], np.float64) for name in "XWRB")
    rows = GATES[variant.kind] * HIDDEN
    lengths = feeds.get("sequence_lens", np.full(BATCH, STEPS))
    out = {name: [] for name in ("Y", "Y_h", "Y_c", "C", "Z")}
    for d, backward in enumerate(variant.directions):
        zeros = np.zeros((BATCH, HIDDEN))
        h = h_grid(feeds["initial_h"][d]) if variant.has_initial else zeros
        c = c_grid(feeds["initial_c"][d]) if "initial_c" in feeds else zeros
        bw, br = b[d, :rows], b[d, rows:]
        y, cells, gates = (np.zeros((STEPS, BATCH, n)) for n in (HIDDEN, HIDDEN, rows))
        for t in reversed(range(STEPS)) if backward else range(STEPS):
            runs = (t < lengths)[:, None]
            h_next, c_next, z = step(variant, x[t], h, c, w[d], r[d], bw, br, h_grid, z_grid)
            if variant.kind == "LSTM":
                c_next = c_grid(c_next)
                h_next = sigmoid(z[:, HIDDEN : 2 * HIDDEN]) * np.tanh(c_next)
            h_next = h_grid(h_next)
            h, c = np.where(runs, h_next, h), np.where(runs, c_next, c)
            y[t], cells[t] = np.where(runs, h_next, 0), np.where(runs, c_next, 0)
            gates[t] = np.where(runs, z, 0)
        for name, value in (("Y", y), ("Y_h", h), ("Y_c", c), ("C", cells), ("Z", gates)):
            out[name].append(value)
    return {name: np.stack(each, 1 if name in "YCZ" else 0) for name, each in out.items()}


def step(variant, x, h, c, w, r, bw, br, h_grid, z_grid):
    """(h before its quantizer, c before its quantizer, z after its quantizer)."""
    n = HIDDEN
    if variant.kind == "RNN":
        z = z_grid(x @ w.T + bw + h @ r.T + br)
        return (np.tanh(z) if variant.activation == "Tanh" else np.maximum(z, 0)), c, z
    if variant.kind == "LSTM":
        z = z_grid(x @ w.T + bw + h @ r.T + br)
        i, _, f = (sigmoid(z[:, g * n : (g + 1) * n]) for g in range(3))
        return h, f * c + i * np.tanh(z[:, 3 * n :]), z
    linear = variant.linear_before_reset
    gx = x @ w.T + bw + (0 if linear else br)
    recurrent = h @ r.T + (br if linear else 0)
    z = z_grid(np.concatenate([(gx + recurrent)[:, : 2 * n], gx[:, 2 * n :]], 1))
    update, reset = sigmoid(z[:, :n]), sigmoid(z[:, n : 2 * n])
    inner = reset * recurrent[:, 2 * n :] if linear else h_grid(reset * h) @ r[2 * n :].T
    candidate = np.tanh(z[:, 2 * n :] + inner)
    return (1 - update) * candidate + update * h, c, z


def made_variants():
    for (name, kind), (directions, lengths, state) in product(KINDS.items(), OPTIONS):
        made = replace(kind, directions=directions, has_lengths=lengths, has_initial=state)
        yield pytest.param(made, id=f"{name}-{made.overload}")


@pytest.mark.parametrize("variant", list(made_variants()))
def test_the_float_variant_is_the_onnx_operator(variant, run):
    feeds = operands(variant)
    native = run(model_of(variant, feeds, domain=""), feeds)
    expected = reference(variant, feeds)
    for observe in (False, True):
        ours = run(model_of(replace(variant, observe=observe), feeds), feeds)
        for name, values in native.items():
            np.testing.assert_allclose(ours[name], values, NATIVE_TOLERANCE, NATIVE_TOLERANCE)
        for name in ours:
            np.testing.assert_allclose(
                ours[name], expected[name], NATIVE_TOLERANCE, NATIVE_TOLERANCE
            )
        assert set(ours) == {*native, *(("Z", "C") if observe else ())} - {
            "C" if variant.kind != "LSTM" else ""
        }


H_GRIDS = {
    "int2": Grid("int2", 0.4),
    "int3": Grid("int3", 0.2),
    "int4": Grid("int4", 0.1),
    "int4-shifted": Grid("int4", 0.11, -2),
    "uint4": Grid("uint4", 0.1, 7),
    "int8": Grid("int8", 0.007),
    "int8-shifted": Grid("int8", 0.007, 9),
}


def quantized_operands(variant, h_grid, c_grid=None, z_grid=None):
    """Feeds of a quantized variant, and the real numbers they stand for."""
    feeds = operands(variant)
    real = dict(feeds)
    rng = np.random.default_rng(1)
    d, rows = len(variant.directions), GATES[variant.kind] * HIDDEN
    x_scale = np.float32(0.2)
    x_codes = np.clip(np.rint(feeds["X"] / x_scale), -8, 7).astype(np.float32)
    scales = {name: rng.uniform(0.1, 0.2, (d, rows)).astype(np.float32) for name in "WR"}
    codes = {}
    for name in "WR":
        codes[name] = np.clip(np.rint(feeds[name] / scales[name][..., None]), -7, 7)
        real[name] = (codes[name] * scales[name][..., None]).astype(np.float32)
    real["X"] = x_codes * x_scale
    if variant.exact:
        feeds |= {"X": x_codes, "W": codes["W"], "R": codes["R"]}
        feeds["x_scales"] = (scales["W"] * x_scale).reshape(-1)
        feeds["r_scales"] = (scales["R"] * h_grid.scale).reshape(-1)
        feeds["h_offset"] = np.array(h_grid.zero_point, np.float32)
    else:
        feeds |= real
    for name, grid in (("h", h_grid), ("c", c_grid), ("z", z_grid)):
        if grid is not None:
            feeds |= grid.feeds(name, variant.exact and name == "h")
    return feeds, real


def arrays(feeds):
    return {name: feed for name, feed in feeds.items() if isinstance(feed, np.ndarray)}


def assert_same_codes(ours, expected, grid, names=("Y", "Y_h")):
    for name in names:
        real = ours[name] / grid.scale
        codes = np.rint(real)
        np.testing.assert_allclose(real, codes, rtol=0, atol=1e-4)
        padding = ours[name] == 0  # behind the end of a sequence, whether 0 is a code or not
        codes = codes + grid.zero_point
        inside = (codes >= grid.lo) & (codes <= grid.hi)
        assert np.all(inside | padding)
        wrong = np.count_nonzero(np.rint(expected[name] / grid.scale) != np.rint(real))
        assert wrong <= FLIPPED_SHARE * real.size, f"{wrong} of {real.size} codes of {name}"


@pytest.mark.parametrize("exact", [False, True], ids=["qdq", "exact"])
@pytest.mark.parametrize("variant", list(made_variants()))
def test_h_is_int4_at_every_step(variant, exact, run):
    grid = H_GRIDS["int4"]
    variant = replace(variant, exact=exact, hidden=grid.format)
    feeds, real = quantized_operands(variant, grid)
    ours = run(model_of(variant, feeds), arrays(feeds))
    expected = reference(variant, real, h_grid=grid)
    assert_same_codes(ours, expected, grid)
    assert len(np.unique(ours["Y"])) > (3 if variant.activation == "Relu" else 6)


@pytest.mark.parametrize("exact", [False, True], ids=["qdq", "exact"])
@pytest.mark.parametrize("h", [name for name in H_GRIDS if name != "int4"])
@pytest.mark.parametrize("kind", KINDS)
def test_h_in_other_formats(kind, h, exact, run):
    grid = H_GRIDS[h]
    variant = replace(
        KINDS[kind],
        directions=(0, 1),
        has_lengths=True,
        has_initial=True,
        exact=exact,
        hidden=grid.format,
    )
    feeds, real = quantized_operands(variant, grid)
    ours = run(model_of(variant, feeds), arrays(feeds))
    assert_same_codes(ours, reference(variant, real, h_grid=grid), grid)


@pytest.mark.parametrize("exact", [False, True], ids=["qdq", "exact"])
@pytest.mark.parametrize("z", ["none", "int8", "fp16"])
@pytest.mark.parametrize(
    ("kind", "c"),
    [*product(KINDS, ["none"]), *product(["lstm"], ["int16", "int8", "int3", "fp16"])],
)
def test_the_cell_and_the_gates_on_grids_of_their_own(kind, c, z, exact, run):
    h_grid = H_GRIDS["int4"]
    c_scales = {"int16": 2**-12, "int8": 0.05, "int3": 0.5, "fp16": 0}
    c_grid = Grid(c, c_scales[c]) if c != "none" else None
    z_grid = Grid(z, 0.05) if z != "none" else None
    variant = replace(
        KINDS[kind],
        directions=(0, 1),
        has_initial=True,
        exact=exact,
        hidden=h_grid.format,
        cell=c_grid and c_grid.format,
        gate=z_grid and z_grid.format,
        observe=True,
    )
    feeds, real = quantized_operands(variant, h_grid, c_grid, z_grid)
    ours = run(model_of(variant, feeds), arrays(feeds))
    expected = reference(variant, real, h_grid, c_grid or same, z_grid or same)
    assert_same_codes(ours, expected, h_grid)
    for name, grid in (("C", c_grid), ("Y_c", c_grid), ("Z", z_grid)):
        if name not in ours or grid is None:
            continue
        if grid.format.is_float:
            np.testing.assert_array_equal(ours[name], ours[name].astype(np.float16))
            continue
        codes = np.rint(ours[name] / grid.scale)
        assert codes.min() >= grid.lo and codes.max() <= grid.hi
        wrong = np.count_nonzero(codes != np.rint(expected[name] / grid.scale))
        assert wrong <= 2 * FLIPPED_SHARE * codes.size  # the finer the grid, the more borders


@pytest.mark.parametrize("scales", ["powers of two", "any"])
@pytest.mark.parametrize("kind", ["lstm", "rnn", "gru"])
def test_form_exact_multiplies_integers(kind, scales, run):
    """Pre-activations equal int64 sums: scaled by powers of two bit for bit, and else after the

    one float32 product and sum that the form states: ``h·R·s_r + (X·W·s_x + b)``.
    """
    grid = H_GRIDS["int8"]
    variant = replace(KINDS[kind], exact=True, hidden=grid.format, observe=True)
    feeds, _ = quantized_operands(variant, grid)
    if scales == "powers of two":
        feeds["x_scales"], feeds["r_scales"] = (np.full_like(feeds["x_scales"], 2**-7),) * 2
        feeds["B"] = np.rint(feeds["B"] * 128) / np.float32(128)
    ours = run(model_of(variant, feeds), arrays(feeds))
    x, w, r = (feeds[name].astype(np.int64) for name in "XWR")
    codes = np.rint(ours["Y"][:, 0] / grid.scale).astype(np.int64)
    before = np.concatenate([np.zeros((1, BATCH, HIDDEN), np.int64), codes[:-1]])
    bw, br = np.split(feeds["B"][0], 2)
    gx = (x @ w[0].T).astype(np.float32) * feeds["x_scales"] + (bw + br)
    z = (before @ r[0].T).astype(np.float32) * feeds["r_scales"] + gx
    if kind == "gru":
        z[..., 2 * HIDDEN :] = gx[..., 2 * HIDDEN :]
    np.testing.assert_array_equal(ours["Z"][:, 0], z)


@pytest.mark.parametrize("exact", [False, True], ids=["qdq", "exact"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_step_at_a_time_is_the_whole_sequence(kind, exact, run):
    grid = H_GRIDS["int4"]
    c_grid = Grid("int16", 2**-12)
    cell = c_grid.format if KINDS[kind].kind == "LSTM" else None
    variant = replace(KINDS[kind], has_initial=True, exact=exact, hidden=grid.format, cell=cell)
    feeds, _ = quantized_operands(variant, grid, c_grid if cell else None)
    model = model_of(variant, feeds)
    whole = run(model, arrays(feeds))
    carried = dict(arrays(feeds))
    for t in range(STEPS):
        one = run(model, carried | {"X": feeds["X"][t : t + 1]})
        np.testing.assert_array_equal(one["Y"][0], whole["Y"][t])
        carried["initial_h"] = one["Y_h"]
        if cell:
            carried["initial_c"] = one["Y_c"]
    for name in whole:
        if name != "Y":
            np.testing.assert_array_equal(one[name], whole[name])


def test_every_variant_has_an_overload_of_its_own():
    """Nodes of different variants in one model must not share a function."""
    formats = [None, *FORMATS.values()]
    every = [
        replace(kind, directions=d, has_lengths=n, has_initial=s, exact=e, hidden=h, cell=c)
        for kind in KINDS.values()
        for (d, n, s), e, h, c in product(OPTIONS, (False, True), formats, formats)
    ]
    assert len({(each.kind, each.overload) for each in every}) == len(set(every))
