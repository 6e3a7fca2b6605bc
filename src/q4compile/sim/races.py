"""Finds words that touch the same byte, one of them writing, with nothing to order them.

Happens-before is the order of queues, of issue, of `Bar` and of semaphores (`clocks`); that a queue
is full orders nothing. What a word touches is what `isa.effects` says. A run finds the races of
all orders that have the same semaphores matched; other seeds match others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from q4compile.isa.assembly import render
from q4compile.isa.effects import effects
from q4compile.isa.engine import Engine
from q4compile.isa.lstm_block import LstmBlock
from q4compile.isa.region import Memory, Region
from q4compile.isa.registers import Registers
from q4compile.sim.binding import Bound, Operands
from q4compile.sim.clocks import START, Clock, SemaphoreClock, joined
from q4compile.sim.execute.recurrence import block_head
from q4compile.sim.fault import race
from q4compile.sim.interval_map import IntervalMap
from q4compile.sim.machine import SEMAPHORES, Machine


@dataclass(frozen=True, slots=True)
class Access:
    """A word that touched something: the `time`-th that its engine executed."""

    bound: Bound
    time: int


Note: TypeAlias = tuple[Registers, Clock]


@dataclass(frozen=True, slots=True)
class Touched:
    """Who wrote some bytes last, and who has read them since, by engine."""

    writer: Access | None = None
    readers: tuple[Access | None, ...] = (None,) * len(Engine)


class Races:
    """A `Watcher`."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.clocks: list[Clock] = [START] * len(Engine)
        self.semaphores = [SemaphoreClock() for _ in range(SEMAPHORES)]
        self.touched = {memory: IntervalMap(Touched()) for memory in Memory}

    def issue(self) -> Note:
        """The registers and what the sequencer knows."""
        machine = self.machine
        registers = Registers(tuple(machine.a), tuple(machine.s), self._block_at)
        return registers, self.clocks[Engine.SQ]

    def wait_for(self, engines: Sequence[int]) -> None:
        """The sequencer learns what these engines know."""
        known = [self.clocks[engine] for engine in (Engine.SQ, *engines)]
        self.clocks[Engine.SQ] = joined(known)

    def execute(self, bound: Bound, operands: Operands, note: Note) -> None:
        """Fault if the word races with an earlier one."""
        registers, issued = note
        taken = (self.semaphores[index].take() for index in bound.wait)
        clock = list(joined([self.clocks[bound.engine], issued, *taken]))
        clock[bound.engine] += 1
        self.clocks[bound.engine] = tuple(clock)
        if operands and operands[0]:
            self._touch(Access(bound, clock[bound.engine]), registers)
        for index in bound.post:
            self.semaphores[index].post(bound.engine, tuple(clock))

    def _touch(self, access: Access, registers: Registers) -> None:
        does = effects(access.bound.word, registers)
        memories = {Memory.SRAM: self.machine.sram, Memory.DRAM: self.machine.dram}
        if any(each.stop > memories[each.memory].size_bytes for each in does.reads + does.writes):
            return  # the word itself will say so
        for region in does.reads:
            self._read(region, access)
        for region in does.writes:
            self._write(region, access)

    def _block_at(self, start_bytes: int, units: int) -> LstmBlock:
        return block_head(self.machine.sram, start_bytes, units)

    def _read(self, region: Region, access: Access) -> None:
        touched, engine = self.touched[region.memory], access.bound.engine

        def read(before: Touched) -> Touched:
            readers = (*before.readers[:engine], access, *before.readers[engine + 1 :])
            return Touched(before.writer, readers)

        for start, stop in region.intervals():
            for first, last, before in touched.pieces(start, stop):
                self._require_known(access, "reads", before.writer, "writes", (first, last), region)
            touched.change(start, stop, read)

    def _write(self, region: Region, access: Access) -> None:
        touched, after = self.touched[region.memory], Touched(access)
        for start, stop in region.intervals():
            for first, last, before in touched.pieces(start, stop):
                span = first, last
                self._require_known(access, "writes", before.writer, "writes", span, region)
                for reader in before.readers:
                    self._require_known(access, "writes", reader, "reads", span, region)
            touched.set(start, stop, after)

    def _require_known(
        self,
        access: Access,
        does: str,
        earlier: Access | None,
        did: str,
        span: tuple[int, int],
        region: Region,
    ) -> None:
        """Fault unless the engine of `access` knows that `earlier` is done."""
        if earlier is None:
            return
        engine = earlier.bound.engine
        if earlier.time <= self.clocks[access.bound.engine][engine]:
            return
        word = f"word {earlier.bound.index} on {engine.name.lower()}"
        place = f"{region.memory.value} bytes [{span[0]}, {span[1]})"
        need = f"an order between this word, which {does} {place}, and {word}, which {did} them"
        raise race(need, f"none; {word} is\n{render(earlier.bound.word)}")
