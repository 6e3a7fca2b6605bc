"""Layers of equal shape share their words: fewer words, the same numbers."""

import pytest
from agreement import Machine
from test_lower_lstm import encoder, sequences

from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Ldd, Loop, Nop, Stride
from q4compile.isa.operand import Address
from q4compile.lower.emit.image import Image
from q4compile.lower.emit.levels import inside_loop, loops_around


def words_of(layers, **options):
    return Machine(encoder("bidirectional", 32, True, layers=layers), **options).program


@pytest.mark.parametrize("options", [{}, {"keep_weights": False, "tile_columns": 32}])
def test_many_layers_take_the_words_of_few(options):
    machine = Machine(encoder("bidirectional", 32, True, layers=5), **options)
    for seed, (frames, batch) in enumerate([(1, 1), (3, 5)]):
        machine.agree(sequences(seed, frames, batch, True))
    assert len(machine.program.code) == len(words_of(7, **options).code)
    assert "/l{1,2,3,4}" in machine.program.nodes


def test_every_layer_has_its_own_constants():
    program = words_of(4)
    weights = [each for each in program.symbols if "weights" in each.name]
    assert len({each.address for each in weights}) == len(weights) == 8


def test_one_layer_is_no_loop():
    assert "/l{0}" not in words_of(1).nodes


def test_levels_inside_of_a_loop():
    load = Ldd(Address(0), Address(0), 1, 16, 16, 16)
    words = [Stride(1, 2, 4), Loop(2, 3, 3), Stride(1, 3, 1), Loop(3, 1, 1), load, Nop(Engine.LD)]
    assert loops_around(words) == [0, 0, 1, 1, 2, 0]
    levels = [word.level for word in inside_loop(words) if isinstance(word, Loop | Stride)]
    assert levels == [1, 1, 2, 2]


def test_strides_never_change_their_loop():
    # At level 1 the first stride would go to the first loop, which it passes by now.
    words = [Stride(1, 2, 4), Loop(0, 3, 1), Nop(Engine.LD), Loop(2, 3, 1), Nop(Engine.LD)]
    assert inside_loop(words) is None


def test_no_more_levels_than_there_are():
    words = [Loop(n, 1, 4 - n) for n in range(4)]
    assert inside_loop([*words, Nop(Engine.LD)]) is None
    assert inside_loop([*words[1:], Nop(Engine.LD)]) is not None


def test_joined_names():
    image = Image()
    for names, joined in (
        (("/l1/x", "/l2/x"), "/l{1,2}/x"),
        (("/a", "/a"), "/a"),
        (("/a1", "/a11"), "/a1{,1}"),
    ):
        index = image.joined_node([image.node(name) for name in names])
        assert image.nodes[index] == joined
