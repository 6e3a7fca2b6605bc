"""The DRAM serves in turns, a cycle each: against a server that goes cycle by cycle."""

from hypothesis import given
from hypothesis import strategies as st

from q4compile.sim.timing.dram_server import DramServer


def cycle_by_cycle(arrivals, count):
    """Requester → when it is done: (time, requester, cycles), each requester once."""
    left, turn, done, now = [0] * count, 0, {}, 0
    waiting = sorted(arrivals)
    while waiting or any(left):
        while waiting and waiting[0][0] == now:
            _, each, cycles = waiting.pop(0)
            left[each] = cycles
        if any(left):
            while not left[turn % count]:
                turn += 1
            each = turn % count
            left[each] -= 1
            turn = each + 1
            if not left[each]:
                done[each] = now + 1
        now += 1
    return done


def in_jumps(arrivals, count):
    server, done, now = DramServer([0] * count), {}, 0
    waiting = sorted(arrivals)
    while waiting or server.active:
        times = [waiting[0][0]] if waiting else []
        if server.active:
            times.append(now + server.next_finish())
        step = min(times) - now
        now += step
        for each in server.advance(step) if server.active and step else []:
            done[each] = now
        while waiting and waiting[0][0] == now:
            _, each, cycles = waiting.pop(0)
            server.add(each, cycles)
    return done


@given(
    st.integers(1, 6).flatmap(
        lambda count: st.tuples(
            st.just(count),
            st.lists(
                st.tuples(st.integers(0, 40), st.integers(0, count - 1), st.integers(1, 30)),
                max_size=count,
                unique_by=lambda each: each[1],
            ),
        )
    )
)
def test_jumps_end_when_cycles_do(drawn):
    count, arrivals = drawn
    assert in_jumps(arrivals, count) == cycle_by_cycle(arrivals, count)


def test_two_share_and_the_rest_goes_to_who_is_left():
    assert in_jumps([(0, 0, 10), (0, 1, 4)], 2) == {0: 14, 1: 8}
