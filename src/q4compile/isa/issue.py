"""The words of an entry in the order in which the sequencer issues them, registers resolved.

Only the sequencer computes here, so what comes out depends on the code and the mailbox alone:
every word that a run of the entry issues, its own included, each with the registers it sees.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Halt, Loop, SetA, SetS, Stride
from q4compile.isa.operand import MAX_UNITS, REGISTERS, Scalar
from q4compile.isa.registers import Registers

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


class Unissuable(Exception):
    """The sequencer stops at word `index` of the code."""

    def __init__(self, index: int, need: str, got: str) -> None:
        super().__init__(f"word {index}: {need}, not {got}")
        self.index, self.need, self.got = index, need, got


class TooManyWords(Unissuable):
    """No end within the number of words that was allowed."""


@dataclass(frozen=True, slots=True)
class Issued:
    """One word, once."""

    index: int
    """In the code."""
    word: Instruction
    at: Registers
    """As they are before the word does anything."""


@dataclass(frozen=True)
class _Step:
    """``A[register] += step`` after an iteration; ``− modulo`` once it is so far beyond `base`."""

    index: int
    register: int
    step: int
    modulo: int
    base: int


@dataclass
class _Running:
    """A loop that has begun."""

    first: int
    stop: int
    left: int
    """Iterations that are not complete."""
    steps: tuple[_Step, ...]


@dataclass
class _Sequencer:
    """Registers, and the loops around the next word."""

    s: list[int]
    a: list[int] = field(default_factory=lambda: [0] * REGISTERS)
    pending: dict[int, dict[int, _Step]] = field(default_factory=dict)
    """Level → register → the stride that waits for the next loop at that level."""
    loops: list[_Running] = field(default_factory=list)

    def registers(self, core: int, cores: int) -> Registers:
        """As they are."""
        return Registers(tuple(self.a), tuple(self.s), core=core, cores=cores)


def issue(
    code: Sequence[Instruction],
    start: int,
    mailbox: Sequence[int],
    max_words: int,
    *,
    core: int = 0,
    cores: int = 1,
) -> Iterator[Issued]:
    """Each word from `start` to its `Halt`, that one included; `mailbox` is S0 to S15 of `core`.

    Raises:
        Unissuable: a register or a count that does not fit, or strides without a loop.
        TooManyWords: no end within `max_words`.
    """
    now = _Sequencer(list(mailbox))
    dynamic = _dynamic_rows(code)
    registers, index = now.registers(core, cores), start
    for _ in range(max_words):
        word = code[index]
        if index in dynamic:
            _count(index, "rows", now.s[dynamic[index]])
        yield Issued(index, word, registers)
        if isinstance(word, Halt):
            _require_loops(now)
            return
        execute = EXECUTE.get(type(word))
        jump = 0 if execute is None else execute(now, index, word)
        index, has_stepped = _next(now, index + 1 + jump)
        if has_stepped or type(word) in SETTING:
            registers = now.registers(core, cores)
    raise TooManyWords(start, f"an end within {max_words} words", "more")


def _dynamic_rows(code: Sequence[Instruction]) -> dict[int, int]:
    """Index of a word → the S register that holds its rows."""
    rows = ((index, getattr(word, "rows", 0)) for index, word in enumerate(code))
    return {index: each.index for index, each in rows if isinstance(each, Scalar)}


def _require_loops(now: _Sequencer) -> None:
    """No stride has waited for its loop in vain."""
    waiting = [(step.index, level) for level, each in now.pending.items() for step in each.values()]
    if waiting:
        index, level = min(waiting)
        raise Unissuable(
            index, f"a loop at level {level} behind this stride", "none before the end"
        )


def _next(now: _Sequencer, index: int) -> tuple[int, bool]:
    """Where to go on, and whether strides have changed a register on the way there."""
    has_stepped = False
    while now.loops and now.loops[-1].stop == index:
        loop = now.loops[-1]
        for step in loop.steps:
            _advance(now, step)
            has_stepped = True
        loop.left -= 1
        if loop.left:
            return loop.first, has_stepped
        now.loops.pop()
    return index, has_stepped


def _advance(now: _Sequencer, step: _Step) -> None:
    value = now.a[step.register] + step.step
    if step.modulo and value - step.base >= step.modulo:
        value -= step.modulo
    # The stride behind the first row, on a way back, leads nowhere: it may wrap as it is not used.
    now.a[step.register] = value & MAX_UNITS


def _count(index: int, what: str, value: int) -> int:
    if value < 0:
        raise Unissuable(index, f"{what} from 0 on", f"{value}")
    return value


def _set_s(now: _Sequencer, index: int, word: SetS) -> int:
    value = word.of(now.s[word.source])
    if not INT32_MIN <= value <= INT32_MAX:
        raise Unissuable(index, f"S{word.register} in int32", f"{value}")
    now.s[word.register] = value
    return 0


def _set_a(now: _Sequencer, index: int, word: SetA) -> int:
    value = word.offset + word.times * now.s[word.source] + word.times2 * now.s[word.source2]
    if not 0 <= value <= MAX_UNITS:
        raise Unissuable(index, f"A{word.register} in 0 to {MAX_UNITS} units", f"{value}")
    now.a[word.register] = value
    return 0


def _stride(now: _Sequencer, index: int, word: Stride) -> int:
    step = word.step + word.times * now.s[word.source]
    made = _Step(index, word.register, step, word.modulo, now.a[word.register])
    now.pending.setdefault(word.level, {})[word.register] = made
    return 0


def _loop(now: _Sequencer, index: int, word: Loop) -> int:
    """The number of words to skip: all of the body where the count is 0."""
    count = now.s[word.count.index] if isinstance(word.count, Scalar) else word.count
    steps = tuple(now.pending.pop(word.level, {}).values())
    if _count(index, "iterations", count) == 0:
        return word.length
    now.loops.append(_Running(index + 1, index + 1 + word.length, count, steps))
    return 0


# Each value takes words of its key; the type of a dict cannot say that.
EXECUTE: dict[type[Instruction], Callable[[_Sequencer, int, Instruction], int]] = {
    SetS: _set_s,  # type: ignore[dict-item]
    SetA: _set_a,  # type: ignore[dict-item]
    Stride: _stride,  # type: ignore[dict-item]
    Loop: _loop,  # type: ignore[dict-item]
}
SETTING = (SetS, SetA)
