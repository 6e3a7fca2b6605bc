"""Float networks in f16: the bundled models beside onnxruntime, and what each operator computes."""

from dataclasses import replace

import numpy as np
import pytest
from agreement import RAPID1, compiled
from networks_to_lower import Draft

from q4compile.errors import TargetError
from q4compile.isa.engine import Precision
from q4compile.isa.instructions import Cvt, Lstm, Lut, Mm, Rq, Share
from q4compile.lower.files import read_parts
from q4compile.lower.lower import lower
from q4compile.lower.options import Options
from q4compile.runtime.onnxruntime_executor import OnnxRuntimeExecutor
from q4compile.sim.simulator import Simulator
from q4compile.speech.checkpoint import load_lm, shipped
from q4compile.speech.export import export_lm

TOLERANCE = 0.005
"""Of the largest magnitude: some ulps of f16, which has 11 bits."""
FP16 = Precision.FP16


class Halves:
    """A program in f16, and the float model that it is of."""

    def __init__(self, path, **options):
        self.program = compiled(read_parts(path), precision=FP16, **options)
        self.simulator = Simulator(self.program, sram_bytes=RAPID1.sram.size_bytes)
        self.model = OnnxRuntimeExecutor(path)

    def agree(self, component, feeds, seeds=()):
        """Near to onnxruntime, and the same in every order of the engines."""
        found = self.simulator.run(component, feeds)
        for name, theirs in self.model.run(component, feeds).items():
            assert found.outputs[name].shape == theirs.shape
            apart = np.abs(found.outputs[name] - theirs).max()
            assert apart <= TOLERANCE * np.abs(theirs).max()
        for seed in seeds:
            again = self.simulator.run(component, feeds, seed=seed, check_races=True)
            assert bits(again) == bits(found)
        return bits(found)


def text(error):
    return "\n".join(each.render() for each in error.findings)


def bits(result):
    return {name: each.tobytes() for name, each in result.codes.items()}


def sequences(batch, frames):
    random = np.random.default_rng([batch, frames])
    lengths = random.integers(1, frames + 1, batch)
    lengths[0] = frames
    noise = random.normal(0, 1.5, (batch, frames, 120)).astype(np.float32)
    return {"features": noise, "feature_lengths": lengths}


def labels(machine, component, batch, count):
    random = np.random.default_rng([batch, count])
    feeds = {"tokens": random.integers(0, 29, (batch, count))}
    for port in machine.program.entry(component).ports:
        if port.direction == "in" and port.name != "tokens":
            state = random.normal(0, 0.5, (1, batch, port.axes[-1]))
            feeds[port.name] = state.astype(np.float32)
    return feeds


def vectors(machine, batch, frames, count):
    random = np.random.default_rng([batch, frames, count])
    ports = [each for each in machine.program.entry("joint").ports if each.direction == "in"]
    shapes = [(batch, frames, 1, 160), (batch, 1, count, 160)]
    return {
        port.name: random.normal(0, 2, shape).astype(np.float32)
        for port, shape in zip(ports, shapes, strict=True)
    }


@pytest.fixture(scope="module")
def rnnt(exported):
    return Halves(exported)


def test_the_words_are_those_of_floats(rnnt):
    code, program = rnnt.program.code, rnnt.program
    assert program.precision == "fp16"
    assert {word.precision for word in code if isinstance(word, Mm)} == {FP16}
    assert all(word.is_float for word in code if isinstance(word, Lstm))
    assert any(isinstance(word, Cvt) for word in code)
    assert not any(isinstance(word, Rq | Lut) for word in code)
    types = {port.name: port.type for entry in program.entries for port in entry.ports}
    assert types["features"] == types["logits"] == "f16"
    assert {kind for name, kind in types.items() if name.endswith(("c_in", "c_out"))} == {"f32"}


def test_it_has_the_words_of_the_int4_program_but_for_tables(rnnt, quantized):
    """Same phases, loops and schedules: f16 against int4 is best against best."""
    other = compiled(read_parts(quantized("rnnt")))
    counts = [
        {kind: sum(word.mnemonic == kind for word in each.code) for kind in ("mm", "lstm", "gath")}
        for each in (rnnt.program, other)
    ]
    assert counts[0] == counts[1]


def test_encoder(rnnt):
    rnnt.agree("encoder", sequences(1, 1))
    rnnt.agree("encoder", sequences(3, 9), seeds=range(4))
    rnnt.agree("encoder", sequences(32, 40))


def test_predictor(rnnt):
    rnnt.agree("predictor", labels(rnnt, "predictor", 1, 1))
    rnnt.agree("predictor", labels(rnnt, "predictor", 3, 7), seeds=range(4))


def test_joint(rnnt):
    rnnt.agree("joint", vectors(rnnt, 1, 1, 1))
    rnnt.agree("joint", vectors(rnnt, 3, 5, 2), seeds=range(4))


def test_tiles_change_no_bit(rnnt, exported):
    options = {"keep_weights": False, "chunk_rows": 16, "tile_columns": 64, "group_units": 32}
    other = Halves(exported, **options)
    for component, feeds in (
        ("encoder", sequences(3, 9)),
        ("predictor", labels(rnnt, "predictor", 3, 7)),
        ("joint", vectors(rnnt, 3, 5, 2)),
    ):
        assert other.agree(component, feeds) == rnnt.agree(component, feeds)


@pytest.mark.parametrize("folded_table_bytes", [0, 2**22])
def test_a_language_model(tmp_path, folded_table_bytes):
    export_lm(load_lm(shipped("lm")), tmp_path / "lm.onnx")
    machine = Halves(tmp_path / "lm.onnx", folded_table_bytes=folded_table_bytes)
    (entry,) = machine.program.entries
    machine.agree(entry.name, labels(machine, entry.name, 1, 1))
    machine.agree(entry.name, labels(machine, entry.name, 4, 9), seeds=range(3))


def test_a_quantized_model_is_refused(quantized, golden):
    with pytest.raises(TargetError) as refused:
        lower(read_parts(quantized("rnnt")), RAPID1, Options(precision=FP16))
    golden("errors/Q329-lower-quantized-in-halves.txt", text(refused.value))


def test_what_halves_cannot_do_is_refused_by_name(golden):
    draft = Draft()
    x = draft.enter("x", "B", 8)
    draft.constants["W"] = np.full((8, 4), 70000, np.float32)
    draft.add("MatMul", [x, "W"], "y")
    draft.add("Erf", [x], "z")
    network = draft.made("y", "z")
    with pytest.raises(TargetError) as refused:
        lower([("model", network)], RAPID1, Options(precision=FP16))
    golden("errors/Q321-lower-in-halves.txt", text(refused.value))


REALS = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Max": np.maximum,
    "Min": np.minimum,
}


def run(network, feeds):
    program = compiled([("model", network)], precision=FP16)
    return Simulator(program, sram_bytes=RAPID1.sram.size_bytes).run("model", feeds, seed=1)


def noise(seed, *shape):
    return np.random.default_rng(seed).normal(0, 3, shape).astype(np.float32)


@pytest.mark.parametrize("op", REALS)
@pytest.mark.parametrize("shapes", [(("B", 7), ("B", 7)), (("B", "T", 1, 9), ("B", 1, "U", 9))])
def test_two_operands(op, shapes):
    """Each result is the half nearest to the exact one: numpy computes it in float64."""
    draft = Draft()
    names = [draft.enter(name, *shape) for name, shape in zip("xy", shapes, strict=True)]
    draft.add(op, names, "z")
    sizes = {"B": 3, "T": 4, "U": 2}
    feeds = {
        name: noise(k, *(sizes.get(size, size) for size in shape))
        for k, (name, shape) in enumerate(zip("xy", shapes, strict=True))
    }
    x, y = (feeds[name].astype(np.float16).astype(np.float64) for name in "xy")
    wanted = REALS[op](x, y).astype(np.float16)
    rank = [(None,) * len(shapes[0])]
    found = run(draft.made(("z", *rank)), feeds)
    assert found.codes["z"].tolist() == wanted.tolist()


@pytest.mark.parametrize(
    "op, real",
    [
        ("Relu", lambda x: np.maximum(x, 0)),
        ("Tanh", np.tanh),
        ("Sigmoid", lambda x: 1 / (1 + np.exp(-x))),
    ],
)
def test_one_operand(op, real):
    draft = Draft()
    draft.add(op, [draft.enter("x", "B", 7)], "z")
    feeds = {"x": noise(0, 5, 7)}
    exact = real(feeds["x"].astype(np.float16).astype(np.float64))
    found = run(draft.made(("z", (None, None))), feeds)
    assert found.codes["z"].tolist() == exact.astype(np.float16).tolist()


@pytest.mark.parametrize("units", [1, 5, 8, 12])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_odd_sizes_of_layers(units, direction):
    """Gaps between directions and padding of groups hold nothing that counts."""
    draft = Draft()
    x = draft.enter("x", "T", "B", 6)
    y = draft.lstm(x, None, "l", 6, units, direction=direction)
    network = draft.made((y, (None,) * 4))
    nodes = tuple(replace(node, hidden=None) for node in network.nodes)
    network = replace(network, weights={}, grids={}, nodes=nodes)
    feeds = {"x": noise(1, 5, 3, 6)}
    found = run(network, feeds)
    wanted = layer(feeds["x"], network, units, direction)
    assert np.abs(found.outputs["l"] - wanted).max() <= TOLERANCE * np.abs(wanted).max()


def layer(x, network, units, direction):
    """ONNX's LSTM in float64."""
    w, r, b = (network.constants[f"l.{name}"].astype(np.float64) for name in "WRB")
    found = np.zeros((len(x), len(w), x.shape[1], units))
    for d in range(len(w)):
        h = c = np.zeros((x.shape[1], units))
        order = range(len(x))
        for t in reversed(order) if direction == "reverse" or d else order:
            z = x[t] @ w[d].T + h @ r[d].T + b[d].reshape(2, -1).sum(0)
            i, o, f = (1 / (1 + np.exp(-each)) for each in np.split(z, 4, 1)[:3])
            c = f * c + i * np.tanh(np.split(z, 4, 1)[3])
            h = o * np.tanh(c)
            found[t, d] = h
    return found


def test_any_number_of_cores_gives_the_same_bits(exported, rnnt):
    four = replace(RAPID1, name="four", cores=4)
    program = compiled(read_parts(exported), four, precision=FP16)
    simulator = Simulator(program, sram_bytes=four.sram.size_bytes)
    assert any(isinstance(word, Share) for word in program.code)
    wanted = rnnt.agree("encoder", sequences(2, 5))
    for seed in (None, 0):
        found = simulator.run("encoder", sequences(2, 5), seed=seed, check_races=seed is not None)
        assert bits(found) == wanted
