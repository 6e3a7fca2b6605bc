"""Which arrays an entry takes, how ports hold them, and what is refused before anything runs."""

from dataclasses import replace

import numpy as np
import pytest
from equations import matrix
from hypothesis import given, settings
from hypothesis import strategies as st
from on_machine import SRAM_BYTES, program_of

from q4compile.errors import DataError, TargetError
from q4compile.isa.element_type import ElementType
from q4compile.isa.instructions import Halt, Ldd, SetA, Std
from q4compile.isa.operand import Address, Scalar
from q4compile.isa.program import Derived, Dimension, Expression, Port, Scratch, Symbol
from q4compile.numerics.rounding import dequantize, quantize
from q4compile.sim.simulator import Simulator, simulate

T, B = Dimension("T", 0, 1, 50), Dimension("B", 1, 1, 8)


def port(name, register, *axes, direction="in", **given):
    values = {
        "type": "i4",
        "scale": 0.125,
        "zero_point": 1,
        "lo": -8,
        "hi": 7,
        "onnx_axes": tuple(range(len(axes))),
        "pitch_bytes": 16,
        "rows": Expression(("T", "B")),
    }
    return Port(name=name, direction=direction, register=register, axes=axes, **values | given)


TOKENS = {"type": "i32", "scale": 1.0, "zero_point": 0, "lo": 0, "hi": 45}
X = port("x", 2, "T", "B", 20, onnx_axes=(1, 0, 2))
LENGTHS = port("lengths", 3, "B", pitch_bytes=32, **TOKENS | {"rows": Expression()})
PROGRAM = program_of([Halt()], ports=[X, LENGTHS], dimensions=[T, B])
GOOD = {"x": np.zeros((3, 5, 20), np.float32), "lengths": np.array([1, 2, 45])}


def refused(feeds, program=PROGRAM, **given):
    with pytest.raises(DataError) as caught:
        simulate(program, "main", feeds, sram_bytes=SRAM_BYTES, **given)
    return "\n\n".join(each.render() for each in caught.value.findings)


def with_values(**changes):
    return GOOD | changes


def test_the_good_ones_run():
    simulate(PROGRAM, "main", GOOD, sram_bytes=SRAM_BYTES)


def test_what_is_refused(golden):
    spoiled = np.zeros((3, 5, 20), np.float32)
    spoiled[2, 1, 7] = np.nan
    infinite = np.full((3, 5, 20), np.inf, np.float16)
    cases = {
        "missing and unknown": {"X": GOOD["x"]},
        "rank and type": with_values(x=np.zeros((3, 5)), lengths=np.zeros(3, np.float32)),
        "a fixed axis": with_values(x=np.zeros((3, 5, 21), np.float32)),
        "two inputs that disagree": with_values(lengths=np.array([1, 2, 3, 4])),
        "not a number": with_values(x=spoiled),
        "infinite": with_values(x=infinite),
        "float64": with_values(x=np.zeros((3, 5, 20))),
        "too long": with_values(x=np.zeros((3, 51, 20), np.float32)),
        "nothing": with_values(x=np.zeros((3, 0, 20), np.float32)),
        "a token that does not exist": with_values(lengths=np.array([1, 46, 2])),
        "a negative one": with_values(lengths=np.array([-1, 5, 2])),
        "more than int64": with_values(lengths=np.array([2**64 - 1, 0, 0], np.uint64)),
    }
    texts = [f"# {name}\n{refused(feeds)}" for name, feeds in cases.items()]
    golden("errors/Q57-inputs.txt", "\n\n".join(texts))


def test_memory_is_refused_before_it_is_taken(golden):
    """2^40 bytes of scratch, and a register that cannot hold its number."""
    scratch = [Scratch("s", 4, Expression(("T", "B"), 2**32))]
    program = program_of([Halt()], ports=[X, LENGTHS], dimensions=[T, B], scratch=scratch)
    scalars = [None] * 5 + [Expression(("T",), 2**29)]
    numbers = program_of([Halt()], ports=[X, LENGTHS], dimensions=[T, B], scalars=scalars)
    texts = [refused(GOOD, program), refused(GOOD, numbers), refused(GOOD, dram_limit_bytes=256)]
    golden("errors/Q577-memory.txt", "\n\n".join(texts))


def test_a_dimension_that_no_input_has():
    program = program_of([Halt()], dimensions=[T])
    assert "Q575" in refused({}, program)
    assert "no input that says it" in refused({}, program)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(X, rows=Expression(("T",))),
        replace(X, rows=Expression(times=0, plus=-3)),
        port("x", 2, 20, "B", "T", pitch_bytes=1, onnx_axes=(1, 2, 0)),
    ],
)
def test_a_program_that_allocates_less_than_it_uses(wrong):
    program = program_of([Halt()], ports=[wrong, LENGTHS], dimensions=[T, B])
    with pytest.raises(TargetError, match="Q316"):
        simulate(program, "main", GOOD, sram_bytes=SRAM_BYTES)


def test_an_entry_that_does_not_exist():
    with pytest.raises(KeyError, match="decoder"):
        simulate(PROGRAM, "decoder", GOOD, sram_bytes=SRAM_BYTES)


@pytest.mark.parametrize("size", [0, -16, 100])
def test_sizes_of_sram(size):
    with pytest.raises(ValueError, match="multiple of 16"):
        Simulator(PROGRAM, sram_bytes=size)


KINDS = {
    "i4": (ElementType.I4, -8, 7),
    "i8": (ElementType.I8, -128, 127),
    "i16": (ElementType.I16, -32768, 32767),
}


def copying(x, y, row_bytes):
    """Rows of x to y through SRAM; S9 rows."""
    words = [SetA(1, 0, 1, x.register), SetA(2, 0, 1, y.register)]
    words += [
        Ldd(Address(0), Address(0, 1), Scalar(9), row_bytes, 64, x.pitch_bytes, post=1),
        Std(Address(0, 2), Address(0), Scalar(9), row_bytes, y.pitch_bytes, 64, wait=1),
    ]
    rows = Expression(("T", "B"))
    scalars = [None] * 9 + [rows]
    return program_of([*words, Halt()], ports=[x, y], dimensions=[T, B], scalars=scalars)


@settings(max_examples=60)
@given(st.data(), st.sampled_from(list(KINDS)), st.permutations(range(3)))
def test_a_port_holds_codes_in_its_own_order(data, kind, order):
    """x in, the same bytes out: codes are QuantizeLinear's, outputs DequantizeLinear's."""
    element, lo, hi = KINDS[kind]
    columns = data.draw(st.integers(1, 9))
    zero_point = data.draw(st.integers(lo, hi))
    scale = float(np.float32(data.draw(st.sampled_from([0.125, 0.1, 3.7]))))
    row_bytes = element.row_bytes(columns)
    axes = {"axes": ("T", "B", columns), "onnx_axes": tuple(order), "type": kind}
    grid = {"scale": scale, "zero_point": zero_point, "lo": lo, "hi": hi}
    given = axes | grid | {"rows": Expression(("T", "B"), plus=data.draw(st.integers(0, 2)))}
    x = replace(port("x", 2), **given, pitch_bytes=row_bytes + data.draw(st.integers(0, 20)))
    y = replace(x, name="y", direction="out", register=3, pitch_bytes=row_bytes)
    steps, batch = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    shape = [(steps, batch, columns)[axis] for axis in order]
    values = np.random.default_rng(0).normal(0, 100 * scale, shape).astype(np.float32)
    result = simulate(
        copying(x, y, row_bytes), "main", {"x": values}, sram_bytes=SRAM_BYTES, keep_memory=True
    )
    codes = quantize(values, scale, zero_point, lo, hi)
    assert result.codes["y"].tolist() == codes.tolist()
    assert result.outputs["y"].dtype == np.float32
    assert result.outputs["y"].tolist() == dequantize(codes, scale, zero_point).tolist()
    memory = codes.transpose(np.argsort(order)).reshape(-1, columns)
    held = result.memory["in x"]
    assert matrix(held, 0, steps * batch, columns, element.bits, x.pitch_bytes) == memory.tolist()


def test_integers_and_floats_pass_as_they_are():
    tokens = port("x", 2, "T", pitch_bytes=80, **TOKENS | {"rows": Expression()})
    x, y = replace(tokens, zero_point=-5), replace(tokens, name="y", direction="out", register=3)
    words = [
        SetA(1, 0, 1, 2),
        SetA(2, 0, 1, 3),
        Ldd(Address(0), Address(0, 1), 1, 80, 0, 0, post=1),
        Std(Address(0, 2), Address(0), 1, 80, 0, 0, wait=1),
        Halt(),
    ]
    program = program_of(words, ports=[x, y], dimensions=[T])
    result = simulate(program, "main", {"x": np.arange(5, 20)}, sram_bytes=SRAM_BYTES)
    assert result.outputs["y"].tolist() == list(range(15))
    assert result.outputs["y"].dtype == np.int32
    for kind, dtype in (("f16", np.float16), ("f32", np.float32)):
        ports = [replace(each, type=kind) for each in (x, y)]
        program = program_of(words, ports=ports, dimensions=[T])
        values = np.linspace(-3, 3, 17).astype(np.float32)
        result = simulate(program, "main", {"x": values}, sram_bytes=SRAM_BYTES)
        assert result.outputs["y"].tolist() == values.astype(dtype).tolist()
        assert result.outputs["y"].dtype == np.float32


def test_no_steps_where_the_program_allows_it():
    steps = Dimension("T", 0, 0, 5)
    x = port("x", 2, "T", 20, rows=Expression(("T",)))
    y = replace(x, name="y", direction="out", register=3)
    program = program_of([Halt()], ports=[x, y], dimensions=[steps])
    feeds = {"x": np.zeros((0, 20), np.float32)}
    result = simulate(program, "main", feeds, sram_bytes=SRAM_BYTES)
    assert result.outputs["y"].shape == (0, 20)


def test_a_size_that_follows_from_another():
    """x [T], and y of ceil(T / 2) rows, its register shared with x."""
    half = Derived("H", 4, Expression(("T",), 1, 2))
    x = port("x", 2, "T", 20, rows=Expression(("T",)))
    y = port("y", 2, "H", 20, rows=Expression(("H",)), offset=50)
    out = replace(y, name="out", direction="out", register=3, offset=7)
    words = [
        SetA(1, 50, 1, 2),
        SetA(2, 7, 1, 3),
        Ldd(Address(0), Address(0, 1), Scalar(4), 10, 16, 16, post=1),
        Std(Address(0, 2), Address(0), Scalar(4), 10, 16, 16, wait=1),
        Halt(),
    ]
    program = program_of(words, ports=[x, y, out], dimensions=[T])
    program = replace(program, entries=(replace(program.entries[0], derived=(half,)),))
    feeds = {"x": np.zeros((5, 20), np.float32), "y": np.ones((3, 20), np.float32) / 2}
    result = simulate(program, "main", feeds, sram_bytes=SRAM_BYTES)
    assert result.outputs["out"].tolist() == feeds["y"].tolist()
    text = refused(feeds | {"y": np.ones((4, 20), np.float32)}, program)
    assert "Q575" in text
    assert "H = 3, from the others" in text


def test_a_scalar_port():
    x = port("x", 2, rows=Expression())
    y = replace(x, name="y", direction="out", register=3)
    words = [
        SetA(1, 0, 1, 2),
        SetA(2, 0, 1, 3),
        Ldd(Address(0), Address(0, 1), 1, 1, 0, 0, post=1),
        Std(Address(0, 2), Address(0), 1, 1, 0, 0, wait=1),
        Halt(),
    ]
    program = program_of(words, ports=[x, y])
    result = simulate(program, "main", {"x": np.float32(0.5)}, sram_bytes=SRAM_BYTES)
    assert result.outputs["y"].shape == ()
    assert result.outputs["y"] == 0.5


def storing(start):
    """Writes the first input row over DRAM at `start` units."""
    words = [
        SetA(1, 0, 1, 2),
        Ldd(Address(0), Address(0, 1), 1, 10, 0, 0, post=1),
        Std(Address(start), Address(0), 1, 10, 0, 0, wait=1),
        Halt(),
    ]
    symbols = (Symbol("low", 0, 16, 0), Symbol("high", 1, 10, 0))
    program = program_of(words, bytes(range(26)), [X, LENGTHS], dimensions=[T, B])
    return replace(program, symbols=symbols)


def test_the_data_are_those_of_the_program_in_every_run():
    """A run that writes over them changes nothing for the next."""
    simulator = Simulator(storing(1), sram_bytes=SRAM_BYTES)
    for _ in range(3):
        memory = simulator.run("main", GOOD, keep_memory=True).memory
        assert memory["symbol low"].tolist() == list(range(16))
        assert memory["symbol high"].tolist() == [0x11] * 10
    assert set(memory) == {"symbol low", "symbol high", "in x", "in lengths"}


def test_scratch_is_zeros_in_every_run():
    scratch = [Scratch("s", 4, Expression(("T",), 16))]
    words = [
        SetA(1, 0, 1, 2),
        SetA(2, 0, 1, 4),
        Ldd(Address(0), Address(0, 2), 1, 16, 0, 0),
        Ldd(Address(1), Address(0, 1), 1, 10, 0, 0, post=1),
        Std(Address(0, 2), Address(0), 1, 26, 0, 0, wait=1),
        Halt(),
    ]
    given = {"ports": [X, LENGTHS], "dimensions": [T, B], "scratch": scratch}
    simulator = Simulator(program_of(words, **given), sram_bytes=SRAM_BYTES)
    for _ in range(2):
        held = simulator.run("main", GOOD, keep_memory=True).memory["scratch s"]
        assert held[:26].tolist() == [0] * 16 + [0x11] * 10
    assert not simulator.run("main", GOOD).memory


def test_the_same_simulator_for_growing_and_shrinking_inputs():
    x = port("x", 2, "T", 20, rows=Expression(("T",)))
    y = replace(x, name="y", direction="out", register=3)
    program = copying(x, y, 10)
    entry = replace(program.entries[0], dimensions=(T,), registers=((9, Expression(("T",))),))
    simulator = Simulator(replace(program, entries=(entry,)), sram_bytes=SRAM_BYTES)
    for steps in (3, 50, 1, 20):
        values = np.random.default_rng(steps).normal(size=(steps, 20)).astype(np.float32)
        expected = quantize(values, 0.125, 1, -8, 7)
        assert simulator.run("main", {"x": values}).codes["y"].tolist() == expected.tolist()
