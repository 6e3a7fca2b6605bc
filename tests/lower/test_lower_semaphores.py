"""Semaphores of phases: credits that stand for a whole entry, and those of one phase."""

import pytest

from q4compile.isa.engine import Engine
from q4compile.lower.emit.semaphores import Semaphores, Standing, TooManySemaphores


def masks(words):
    return [(word.wait, word.post) for word in words]


def test_phases_share_credits_of_the_same_level():
    standing = Standing()
    first, second = Semaphores(standing), Semaphores(standing)
    assert [first.new(), first.credit(2), first.credit(1), first.credit(2)] == [
        1,
        1 << 15,
        1 << 14,
        1 << 13,
    ]
    assert [second.credit(1), second.credit(2), second.credit(3), second.new()] == [
        1 << 14,
        1 << 15,
        1 << 12,
        1,
    ]
    assert first.credits(Engine.ST) == second.credits(Engine.ST) == ([], [])
    give, take = standing.words
    assert masks(give) == [(0, 0xF000), (0, 0xB000), (0, 0x1000)]
    assert [wait for wait, _ in masks(take)] == [post for _, post in masks(give)]


def test_what_stands_is_never_used_otherwise():
    standing = Standing()
    first, second = Semaphores(standing), Semaphores(standing)
    for _ in range(15):
        first.new()
    assert second.credit(2) == 1 << 15
    with pytest.raises(TooManySemaphores):
        second.credit(2)
    with pytest.raises(TooManySemaphores):
        third = Semaphores(standing)
        for _ in range(16):
            third.new()


def test_credits_of_one_phase():
    semaphores = Semaphores(Standing(0))
    assert [semaphores.credit(2), semaphores.new(), semaphores.credit(1)] == [1, 2, 4]
    give, take = semaphores.credits(Engine.VX)
    assert masks(give) == [(0, 5), (0, 1)]
    assert masks(take) == [(5, 0), (1, 0)]
    assert {word.engine for word in give} == {Engine.VX}
    with pytest.raises(TooManySemaphores):
        for _ in range(14):
            semaphores.new()
