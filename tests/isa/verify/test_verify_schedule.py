"""What a schedule says of all orders, against all orders there are."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Bar, Halt, Nop
from q4compile.isa.issue import issue
from q4compile.isa.verify import schedule
from q4compile.isa.verify.schedule import ENGINES, scheduled

EVERYONE = 0b11110
SEMS = range(3)
WAITS = st.sampled_from([0, 1, 1, 2, 3, 4])
NOPS = st.builds(Nop, st.sampled_from(ENGINES[:3]), wait=WAITS, post=WAITS)
BARS = st.builds(Bar, st.sampled_from([EVERYONE, 0b10, 0b1010]))
RANDOM = st.lists(NOPS | NOPS | NOPS | BARS, min_size=2, max_size=8)


@st.composite
def codes(draw):
    """Words that can run in the order in which they are drawn, issued in that or another one."""
    code, levels = [], [0, 0, 0]
    for word in draw(RANDOM):
        if isinstance(word, Nop):
            wait = sum(word.wait & 1 << s for s in SEMS if levels[s])
            word = replace(word, wait=wait)
            for s in SEMS:
                levels[s] += (word.post >> s & 1) - (wait >> s & 1)
        code.append(word)
    if draw(st.booleans()):
        first = draw(st.permutations(ENGINES))
        code = [word for word in code if isinstance(word, Nop)]
        code.sort(key=lambda word: first.index(word.engine))
    return code


def all_orders(code):
    """Every order in which the words can run, as far as it gets, words by their positions.

    And the highest level of each semaphore in any of them.
    """
    queued = {each: [i for i, word in enumerate(code) if word.engine is each] for each in ENGINES}

    def ready(done, levels):
        """Words that may run next: heads of queues that are issued and have what they wait for."""
        left = {each: [i for i in queue if i not in done] for each, queue in queued.items()}
        heads = [queue[0] for queue in left.values() if queue]
        horizon = len(code)
        for i, word in enumerate(code):
            if isinstance(word, Bar) and any(
                left[each] and left[each][0] < i for each in ENGINES if word.mask >> each & 1
            ):
                horizon = i
                break
        return [
            i
            for i in heads
            if i < horizon and all(levels[s] for s in SEMS if code[i].wait >> s & 1)
        ]

    def orders(done, levels):
        able = ready(done, levels)
        if not able:
            yield done
        for i in able:
            word = code[i]
            change = [(word.post >> s & 1) - (word.wait >> s & 1) for s in range(3)]
            after = tuple(level + d for level, d in zip(levels, change, strict=True))
            peaks[:] = map(max, peaks, after)
            yield from orders((*done, i), after)

    peaks = [0, 0, 0]
    return list(orders((), (0, 0, 0))), peaks


@settings(max_examples=800)
@given(codes() | RANDOM)
@example([Nop(Engine.LD, post=1), Nop(Engine.ST, post=1), Nop(Engine.MX, wait=1)])
@example([Nop(Engine.LD, post=1), Nop(Engine.MX, wait=1), Bar(EVERYONE), Nop(Engine.ST)])
def test_schedules_speak_for_all_orders(code):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schedule, "MAX_LEVEL", 0)
        found = scheduled(list(issue((*code, Halt()), 0, (0,) * 16, 100)))
    orders, peaks = all_orders(code)
    ran = [each.issued.index for each in found.events]
    assert tuple(ran) in orders
    assert (found.stuck is None) == (len(ran) == sum(isinstance(w, Nop) for w in code))
    if found.stuck is None and not found.rivals:
        assert {frozenset(order) for order in orders} == {frozenset(ran)}
        certain = {
            (x.issued.index, y.issued.index)
            for x, y in product(found.events, repeat=2)
            if y.follows(x) and x is not y
        }
        always = {
            (x, y)
            for x, y in product(ran, repeat=2)
            if x != y and all(order.index(x) < order.index(y) for order in orders)
        }
        most = [max((x.level for x in found.overfull if x.semaphore == s), default=0) for s in SEMS]
        assert certain <= always
        assert all(map(int.__ge__, most, peaks))
        if _is_plain(code):
            assert certain == always
            assert most == peaks


def _is_plain(code):
    """Whether each semaphore has one poster and one taker, so that no order is left unsaid."""
    for bit in (1, 2, 4):
        for name in ("wait", "post"):
            engines = {word.engine for word in code if getattr(word, name) & bit}
            if len(engines) > 1:
                return False
    return True


def test_two_takers_are_rivals_unless_something_orders_them():
    code = [
        Nop(Engine.LD, post=1),
        Nop(Engine.LD, post=1),
        Nop(Engine.MX, wait=1, post=2),
        Nop(Engine.VX, wait=1),
        Halt(),
    ]
    (rivals,) = scheduled(list(issue(code, 0, (0,) * 16, 100))).rivals
    assert (rivals.semaphore, rivals.first.issued.index, rivals.second.issued.index) == (0, 2, 3)
    code[3] = Nop(Engine.VX, wait=3)
    found = scheduled(list(issue(code, 0, (0,) * 16, 100)))
    second, last = found.events[1], found.events[3]
    assert not found.rivals and last.follows(second)


def test_levels_beyond_eight_bits_in_any_order():
    """The greedy order has a level of 1 throughout; the poster may still run ahead."""
    pair = [Nop(Engine.LD, post=1), Nop(Engine.MX, wait=1)]
    for times, is_overfull in ((255, False), (256, True)):
        code = [*pair * times, Halt()]
        found = scheduled(list(issue(code, 0, (0,) * 16, 1000)))
        assert bool(found.overfull) is is_overfull
        assert found.levels == (0,) * 16


def test_takes_that_are_over_make_room():
    pair = [Nop(Engine.LD, post=1), Nop(Engine.MX, wait=1, post=2), Nop(Engine.LD, wait=2)]
    found = scheduled(list(issue([*pair * 300, Halt()], 0, (0,) * 16, 1000)))
    assert not found.overfull and found.stuck is None


def test_credits_of_another_engine_do_not_add_up_with_what_they_allow():
    """Two credits: at most two posts are not taken, though 600 are posted in all."""
    turn = [Nop(Engine.MX, wait=1, post=2), Nop(Engine.VX, wait=2, post=1)]
    credit, debt = [Nop(Engine.ST, post=1)] * 2, [Nop(Engine.ST, wait=1)] * 2
    code = [*credit, *turn * 300, Bar(0b11000), *debt, Halt()]
    found = scheduled(list(issue(code, 0, (0,) * 16, 1000)))
    assert not found.overfull and found.levels == (0,) * 16
