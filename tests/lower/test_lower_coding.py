"""Coded constants: the same numbers from fewer bytes, in as many words, in any order of engines."""

from dataclasses import replace

import hypothesis
import numpy as np
import pytest
from agreement import RAPID1, Machine, target_of
from hypothesis import strategies as st
from networks_to_lower import Draft
from test_lower_lstm import encoder, sequences
from test_lower_random import FEATURES, Stack, options

from q4compile.errors import TargetError
from q4compile.isa.instructions import Ldc
from q4compile.isa.operand import Address
from q4compile.isa.verify import verify
from q4compile.lower.emit.coding import Coding, Constants
from q4compile.lower.lower import lowered
from q4compile.lower.options import Options
from q4compile.lower.plan.records import loadable, record
from q4compile.numerics.coded_stream import decode
from q4compile.sim.simulator import simulate

STREAMED = {"keep_weights": False, "tile_columns": 32, "group_units": 16}


def coded_words(program):
    return [word for word in program.code if isinstance(word, Ldc)]


@pytest.mark.parametrize("given", [{}, STREAMED, {"cores": 2}, {"cores": 2, **STREAMED}])
def test_the_same_outputs_in_any_order_of_engines(given):
    """Of tiles that stay, of rings of them, and of those of each core."""
    target = replace(RAPID1, name="two", cores=2)
    parts = encoder("bidirectional", 64, True, layers=4, form="int2")
    raw, coded = (Machine(parts, target, **given, code_weights=on) for on in (False, True))
    coded.agree(sequences(0, 3, 5, True), seeds=(None, 0, 1))
    assert coded_words(coded.program)
    assert not coded_words(raw.program)
    assert len(coded.program.data) < 0.8 * len(raw.program.data)
    assert len(coded.program.code) == len(raw.program.code)


@pytest.mark.parametrize("seed", range(8))
def test_random_networks(seed):
    random = np.random.default_rng([seed, 2])
    target, cores = replace(target_of(512), cores=4), (1, 1, 2, 4)[seed % 4]
    machine = Machine(Stack(seed).made(), target, cores=cores, code_weights=True, **options(random))
    feeds = {"x": random.normal(0, 1, (4, 3, FEATURES)).astype(np.float32)}
    if any(port.name == "n" for port in machine.parts["model"].inputs):
        feeds["n"] = random.integers(1, 5, 3)
    machine.agree(feeds, seeds=(None, seed))


def product(form):
    """x · W + b, more weights than anything else."""
    draft = Draft()
    grid = draft.grid("x.grid", "int4", 0.1)
    x = draft.enter("x", "T", "B", 128)
    return {"model": draft.made(draft.linear(x, grid, "y", 128, 256, form=form))}


@pytest.mark.parametrize(("form", "is_coded"), [("int2", True), ("int8", False)])
def test_what_coding_does_not_shorten_stays_raw(form, is_coded):
    """255 codes that are equally frequent; a few bytes of multipliers are not worth a decoder."""
    program = Machine(product(form), code_weights=True).program
    assert bool(coded_words(program)) == is_coded


def test_figures():
    done = lowered(product("int2").items(), RAPID1, Options(code_weights=True))
    raw = lowered(product("int2").items(), RAPID1)
    parameters = 4 * (128 * 256 + 256)
    assert done.figures["float32_parameter_bytes"] == parameters
    assert done.figures["compression_ratio"] == parameters / len(done.program.data)
    assert raw.figures["coded_percent"] == raw.figures["coding_saved_bytes"] == 0
    saved = len(raw.program.data) - len(done.program.data)
    assert done.figures["coding_saved_bytes"] == saved > 0
    assert 90 < done.figures["coded_percent"] <= 100


def test_parameters_of_one_name_count_once_if_they_are_the_same():
    """Language models of one program have the same names for other weights."""
    network = product("int2")["model"]
    name, weights = max(network.constants.items(), key=lambda each: each[1].size)
    other = replace(network, constants={**network.constants, name: -weights})
    once, shared, apart = (
        lowered([("a", network), *more], RAPID1).figures["float32_parameter_bytes"]
        for more in ([], [("b", network)], [("b", other)])
    )
    assert (shared, apart) == (once, once + 4 * weights.size)


def mutant(program, at, byte):
    data = bytearray(program.data)
    data[at] ^= byte
    return replace(program, data=bytes(data))


def codes_of(run, *given, **more):
    """Of the findings that it ends with; none if it goes well."""
    try:
        run(*given, **more)
    except TargetError as problem:
        return {each.code for each in problem.findings}
    return set()


@pytest.mark.parametrize("place", [0, 2, 3, 4, 11, 12, 100, 1000])
def test_a_damaged_stream_is_refused_or_is_another_stream(place):
    """Count, lanes and lengths are refused; other words may be words, which only a CRC tells."""
    machine = Machine(product("int2"), code_weights=True)
    source = 16 * coded_words(machine.program)[0].source.offset
    broken = mutant(machine.program, source + place, 0x41)
    feeds = {"x": np.ones((1, 1, 128), np.float32)}
    refused = codes_of(verify, broken, RAPID1)
    given = {"sram_bytes": RAPID1.sram.size_bytes}
    stopped = [codes_of(simulate, broken, "model", feeds, **given, plain=p) for p in (False, True)]
    assert stopped == [{"Q371"} & {each.replace("Q351", "Q371") for each in refused}] * 2
    assert "Q351" in refused or place >= 12


def records_of(seed, count, spread):
    """Records of two fields, as `plan` makes them, of codes that are mostly small."""
    random = np.random.default_rng(seed)
    shape = loadable(record([("weights", 4000), ("bias", 64)], 16))
    data = b""
    for n in range(count):
        codes = random.normal(0, spread * (1 + n), (2, 4000)).round().astype(int) & 15
        content = (codes[0] | codes[1] << 4).astype(np.uint8).tobytes() + bytes(64)
        data += content.ljust(shape.bytes, b"\0")
    return Constants(data, shape)


def test_loads_lie_at_the_pitch_of_the_longest_stream():
    constants = records_of(0, 3, 0.4)
    loads = Coding(True).loads(constants)
    assert 0 < loads.stream_bytes <= 16 * loads.pitch_units < constants.load_bytes
    for n in range(3):
        at = 16 * n * loads.pitch_units
        stream = np.frombuffer(loads.content[at : at + loads.stream_bytes], np.uint8)
        start = n * constants.load_bytes
        wanted = constants.data[start : start + loads.used_bytes]
        assert decode(stream, loads.used_bytes).tobytes() == wanted


def test_layers_that_repeat_have_equal_places():
    layers = [records_of(seed, 2, spread) for seed, spread in ((0, 0.3), (1, 0.5))]
    other = records_of(2, 3, 0.3)
    coding = Coding(True)
    coding.learn([layers[0], None, layers[1], None, other], 8)
    places = [coding.loads(each) for each in layers]
    assert places[0].pitch_units == places[1].pitch_units
    assert len({len(each.content) for each in places}) == 1
    alone = Coding(True)
    alone.learn([layers[0], layers[1], None, other], 8)
    assert alone.loads(layers[0]).pitch_units == places[0].pitch_units
    apart = Coding(True)
    apart.learn([layers[0], None, None, layers[1], other], 8)
    assert apart.loads(layers[0]).pitch_units < places[0].pitch_units


@hypothesis.given(st.integers(16, 5000), st.floats(0, 1))
def test_parts_of_a_load_are_all_of_it(units, share):
    """What its first reader needs comes first."""
    shape = loadable(record([("a", 16 * units)], 16))
    loads = Coding().loads(Constants(bytes(shape.bytes), shape))
    needed = int(share * units) * 16
    words = loads.in_parts(Address(5), Address(7, 3), needed)
    covered = [(word.to.offset - 5, word.rows * word.row_bytes) for word in words]
    assert [word.source.offset - 7 for word in words] == [start for start, _ in covered]
    assert all(word.row_bytes % 16 == 0 for word in words)
    assert 16 * covered[0][0] <= needed
    assert covered[0][1] == shape.bytes - 16 * covered[0][0]
    rest = [(0, 16 * covered[0][0])] if covered[0][0] else []
    assert covered[1:] == rest
