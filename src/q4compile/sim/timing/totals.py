"""How often each word of an entry is executed, from its loops alone: no time, no events.

A second way to the counts of a run, which takes as long however often loops repeat.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Halt, Loop, SetS
from q4compile.isa.operand import Scalar
from q4compile.sim.timing.count_registers import LoopRegisters

Executed = Counter[tuple[int, int]]
"""(word, rows) → how often."""


@dataclass
class _Count:
    code: Sequence[Instruction]
    registers: LoopRegisters
    s: list[int]
    found: Executed = field(default_factory=Counter)


def executed_words(code: Sequence[Instruction], start: int, mailbox: Sequence[int]) -> Executed:
    """Of the entry at `start`, whose registers hold counts from 0 on."""
    count = _Count(code, LoopRegisters(code), list(mailbox))
    _block(count, start, len(code))
    return count.found


def _block(count: _Count, index: int, stop: int) -> None:
    while index < stop:
        word = count.code[index]
        count.found[index, _number(count, getattr(word, "rows", 0))] += 1
        index += 1
        if isinstance(word, Halt):
            return
        if isinstance(word, SetS):
            count.s[word.register] = word.of(count.s[word.source])
        elif isinstance(word, Loop):
            _loop(count, index, word)
            index += word.length


def _loop(count: _Count, first: int, loop: Loop) -> None:
    """Iterations that begin with the same counts are the same: they are counted at once."""
    left, registers = _number(count, loop.count), count.registers.of(first - 1)
    while left:
        before, outside = list(count.s), count.found
        count.found = Counter()
        _block(count, first, first + loop.length)
        one, count.found = count.found, outside
        is_same = all(count.s[each] == before[each] for each in registers.read)
        repeats = 1 + registers.evenly(before, count.s, left - 1) if is_same else 1
        for key, number in one.items():
            count.found[key] += number * repeats
        for register in set(range(len(before))).difference(registers.set_anew):
            count.s[register] += (repeats - 1) * (count.s[register] - before[register])
        left -= repeats


def _number(count: _Count, value: int | Scalar) -> int:
    return count.s[value.index] if isinstance(value, Scalar) else value
