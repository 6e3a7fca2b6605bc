"""Small pieces of code, run by the sequencer of the machine or read as words."""

import pytest

from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Loop, Nop, SetA, Stride
from q4compile.isa.operand import Address, Scalar
from q4compile.isa.program import Expression
from q4compile.lower.emit.mailbox import Mailbox
from q4compile.lower.emit.words import (
    Place,
    Pointers,
    circling,
    credits,
    load_records,
    loop,
    signalled,
)
from q4compile.lower.findings import Refused
from q4compile.lower.layout.axes import Extent
from q4compile.lower.plan.records import transfer_bytes


def test_a_loop_knows_its_length():
    body = [Nop(Engine.LD), Nop(Engine.ST)]
    assert loop(1, Scalar(3), body) == [Loop(1, Scalar(3), 2), *body]


def test_credits_are_taken_as_often_as_given():
    give, take = credits(Engine.ST, {1: 2, 4: 3, 8: 1})
    assert [word.post for word in give] == [13, 5, 4]
    assert [word.wait for word in take] == [13, 5, 4]
    assert credits(Engine.ST, {}) == ([], [])


def test_signals_of_a_sequence():
    words = signalled([Nop(Engine.LD), Nop(Engine.LD), Nop(Engine.LD, post=1)], wait=2, post=4)
    assert [(word.wait, word.post) for word in words] == [(2, 0), (0, 0), (0, 5)]
    assert signalled([], 1, 2) == []


@pytest.mark.parametrize("size", [16, 4128, 65520, 65521, 65536, 100_000, 10**6])
def test_one_word_loads_any_size(size):
    whole = transfer_bytes(size)
    word = load_records(Address(0), Address(0), whole, 1)
    assert word.rows * word.row_bytes == whole >= size
    assert whole - size < 16 * word.rows
    many = load_records(Address(0), Address(0), whole, 5)
    assert many.rows * many.row_bytes == 5 * whole


def test_places_that_one_word_can_say():
    mailbox = Mailbox()
    pointers = Pointers(mailbox)
    base, rows = mailbox.named("scratch"), mailbox.holding(Expression(("B", "T")))
    place = Place(4, base)
    assert pointers.at(1, place) == SetA(1, 4, 1, base, 0, 0)
    ahead = pointers.ahead(place, Extent(2, ("B", "T")), 10)
    assert ahead == Place(4, base, 20, rows)
    assert pointers.ahead(ahead, Extent(1, ("B", "T")), 1) == Place(4, base, 21, rows)
    assert pointers.ahead(ahead, Extent(1, ("B",)), 1) is None
    assert pointers.ahead(ahead, Extent(3), 5) == Place(19, base, 20, rows)
    assert pointers.at(1, Place(5, None, 2, rows)) == SetA(1, 5, 2, rows, 0, 0)


def test_strides():
    mailbox = Mailbox()
    pointers = Pointers(mailbox)
    batch = mailbox.named("B")
    assert pointers.moving(2, 0, Extent(1, ("B",)), 10, 3) == [Stride(2, 0, -3, 10, batch)]
    assert pointers.moving(2, 0, Extent(4), 10) == [Stride(2, 0, 40)]
    assert pointers.moving(2, 0, Extent(4), 10, 40) == []
    assert circling(2, 1, 8, 1) == []
    assert circling(2, 1, 8, 3) == [Stride(2, 1, 8, modulo=24)]
    assert pointers.moved_once([[], []]) == []


def test_registers_run_out():
    mailbox = Mailbox()
    for n in range(16):
        assert mailbox.named(f"n{n}") == n
    assert mailbox.named("n3") == 3
    with pytest.raises(Refused, match="Q327"):
        mailbox.named("n16")
    pointers = Pointers(mailbox)
    assert [pointers.new() for _ in range(15)][-1] == 15
    with pytest.raises(ValueError, match="15 address registers"):
        pointers.new()


def test_variables_lie_where_no_code_reads():
    mailbox = Mailbox()
    for name in ("T", "B"):
        mailbox.named(name)
    mailbox.spare = [0]
    assert (mailbox.variable(0), mailbox.variable(1), mailbox.named("x")) == (0, 2, 3)
    assert mailbox.variable(0) == 0
    assert mailbox.holding(Expression(("B",))) == 1
    assert mailbox.holding(Expression(("B",), 2)) == 4
    assert mailbox.expressions == {4: Expression(("B",), 2)}
