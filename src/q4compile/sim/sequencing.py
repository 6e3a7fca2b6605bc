"""What the words of the sequencer do: a function per class of instructions."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Bar, Halt, Loop, Meet, SetA, SetS, Stride
from q4compile.isa.operand import MAX_UNITS, Scalar
from q4compile.sim.fault import INT32, bad_loop, does_not_fit
from q4compile.sim.machine import Machine

ALL_ENGINES = sum(1 << engine for engine in Engine if engine is not Engine.SQ)
LEAST, MOST = -(2**31), 2**31 - 1


@dataclass(frozen=True, slots=True)
class Increment:
    """What a `Stride` adds to a register after each iteration."""

    register: int
    step: int
    modulo: int
    base: int
    """The register when the `Stride` ran."""


@dataclass(slots=True)
class Frame:
    """A loop that is running: its body is the words [start, stop)."""

    level: int
    start: int
    stop: int
    remaining: int
    """Iterations, the running one included."""
    increments: tuple[Increment, ...]


@dataclass(slots=True)
class Control:
    """Where the sequencer is."""

    machine: Machine
    code_words: int
    pc: int
    """Index of the next word."""
    frames: list[Frame] = field(default_factory=list)
    pending: dict[tuple[int, int], Increment] = field(default_factory=dict)
    """(level, register) → what the next loop at that level will do."""
    barrier: int = 0
    """Engines that must be idle before the next word, by bit."""
    is_meeting: bool = False
    """Whether the next word waits for the other cores."""
    halted: bool = False
    stop: int = -1
    """Where the innermost loop ends."""

    def go_on(self, pc: int) -> None:
        """Continue at word `pc`, and end iterations that end there."""
        while pc == self.stop:
            frame = self.frames[-1]
            for each in frame.increments:
                self._add(each)
            frame.remaining -= 1
            if frame.remaining:
                pc = frame.start
                break
            self.leave()
        self.pc = pc

    def enter(self, frame: Frame) -> None:
        """A loop begins."""
        self.frames.append(frame)
        self.stop = frame.stop
        self.pc = frame.start

    def leave(self) -> None:
        """The innermost loop is over; its registers keep their values."""
        self.frames.pop()
        self.stop = self.frames[-1].stop if self.frames else -1

    def around(self) -> tuple[int, int]:
        """Where the code around the next word ends, and its level: −1 outside of all loops."""
        if not self.frames:
            return self.code_words, -1
        return self.frames[-1].stop, self.frames[-1].level

    def take_pending(self, level: int) -> tuple[Increment, ...]:
        """What the loop at `level` that starts now does after each iteration."""
        keys = [key for key in self.pending if key[0] == level]
        return tuple(self.pending.pop(key) for key in keys)

    def _add(self, each: Increment) -> None:
        a = self.machine.a
        value = a[each.register] + each.step
        if each.modulo and value - each.base >= each.modulo:
            value -= each.modulo
        a[each.register] = value & MAX_UNITS


def set_s(word: SetS, control: Control) -> None:
    """``S[register] = min(value + times · S[source], most)``."""
    s = control.machine.s
    value = word.of(s[word.source])
    if not LEAST <= value <= MOST:
        raise does_not_fit(f"S{word.register}", INT32, value)
    s[word.register] = value
    control.go_on(control.pc + 1)


def set_a(word: SetA, control: Control) -> None:
    """``A[register] = offset + times · S[source] + times2 · S[source2]``."""
    s = control.machine.s
    value = word.offset + word.times * s[word.source] + word.times2 * s[word.source2]
    if not 0 <= value <= MAX_UNITS:
        raise does_not_fit(f"A{word.register}", "28 bits without sign", value)
    control.machine.a[word.register] = value
    control.go_on(control.pc + 1)


def stride(word: Stride, control: Control) -> None:
    """A[register] += step + times · S[source] after each iteration of the next loop at `level`."""
    machine = control.machine
    step = word.step + word.times * machine.s[word.source]
    increment = Increment(word.register, step, word.modulo, machine.a[word.register])
    control.pending[word.level, word.register] = increment
    control.go_on(control.pc + 1)


def loop(word: Loop, control: Control) -> None:
    """The next `length` words `count` times."""
    around, level = control.around()
    start = control.pc + 1
    stop = start + word.length
    if word.level <= level:
        raise bad_loop(f"a loop level above {level}", f"{word.level}")
    if stop > around:
        raise bad_loop(f"a loop body that ends by word {around}", f"word {stop}")
    count = word.count
    if isinstance(count, Scalar):
        register, count = count.index, control.machine.s[count.index]
        if count < 0:
            raise does_not_fit(f"iterations in S{register}", "a count from 0 on", count)
    increments = control.take_pending(word.level)
    if count:
        control.enter(Frame(word.level, start, stop, count, increments))
    else:
        control.go_on(stop)


def bar(word: Bar, control: Control) -> None:
    """The next word waits for the engines of the mask."""
    control.barrier = word.mask
    control.go_on(control.pc + 1)


def meet(word: Meet, control: Control) -> None:
    """The next word waits for the engines of the mask, and then for all cores."""
    bar(word, control)
    control.is_meeting = True


def halt(word: Halt, control: Control) -> None:
    """The end waits for all engines."""
    if control.frames:
        raise bad_loop("halt outside of all loops", f"in {len(control.frames)} of them")
    control.barrier, control.halted = ALL_ENGINES, True


CONTROLS: dict[type[Instruction], Callable[[Any, Control], None]] = {
    Bar: bar,
    Halt: halt,
    Loop: loop,
    Meet: meet,
    SetA: set_a,
    SetS: set_s,
    Stride: stride,
}
