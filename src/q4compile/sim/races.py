"""Finds words that touch the same byte, one of them writing, with nothing to order them.

Happens-before is the order of queues, of issue, of `Bar`, of semaphores (`clocks`), and between
cores of `Meet` and `Share`; that a queue is full orders nothing. What a word touches is what
`isa.effects` says. A run finds the races of all orders that have the same semaphores matched; other
seeds match others.
"""

from collections import defaultdict
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
    core: int

    @property
    def actor(self) -> int:
        """Place of its engine in a clock."""
        return len(Engine) * self.core + self.bound.engine


Note: TypeAlias = tuple[Registers, Clock]
Part: TypeAlias = tuple[Bound, Operands, Note]


@dataclass(frozen=True, slots=True)
class Touched:
    """Who wrote some bytes last, and who has read them since, by engine."""

    writer: Access | None
    readers: tuple[Access | None, ...]


class Races:
    """All cores of a run, and the memory that they share."""

    def __init__(self, machines: Sequence[Machine]) -> None:
        self.start = START * len(machines)
        self.clocks = [self.start] * len(self.start)
        self.dram = IntervalMap(self.touched())
        self.cores = [CoreRaces(self, each) for each in machines]
        self.arrivals = [0] * len(machines)
        self.departures = [0] * len(machines)
        self.known: dict[int, Clock] = defaultdict(lambda: self.start)
        """Number of a `Meet` → what those know that are there."""

    def touched(self, writer: Access | None = None) -> Touched:
        """By a writer, or by nobody."""
        return Touched(writer, (None,) * len(self.start))

    def arrive(self, core: int) -> None:
        """A core is at its next `Meet`, and its engines are idle."""
        number, own = self.arrivals[core], self.clocks[self._sequencer(core)]
        self.known[number] = joined([self.known[number], own])
        self.arrivals[core] += 1

    def depart(self, core: int) -> None:
        """All cores are there."""
        self.clocks[self._sequencer(core)] = self.known[self.departures[core]]
        self.departures[core] += 1

    def _sequencer(self, core: int) -> int:
        return len(Engine) * core + Engine.SQ

    def share(self, parts: Sequence[Part]) -> None:
        """All cores execute a `Share`; Fault if it races with an earlier word."""
        known = joined([core.taken(*part) for core, part in zip(self.cores, parts, strict=True)])
        for core, part in zip(self.cores, parts, strict=True):
            core.executed(*part, known)


class CoreRaces:
    """A `Watcher` of one core."""

    def __init__(self, races: Races, machine: Machine) -> None:
        self.races, self.machine = races, machine
        self.first = len(Engine) * machine.core
        self.semaphores = [SemaphoreClock(races.start) for _ in range(SEMAPHORES)]
        self.touched = {Memory.SRAM: IntervalMap(races.touched()), Memory.DRAM: races.dram}

    def clock(self, engine: int) -> Clock:
        """What an engine knows."""
        return self.races.clocks[self.first + engine]

    def learn(self, engine: int, clocks: Sequence[Clock]) -> None:
        """An engine knows all of this too."""
        self.races.clocks[self.first + engine] = joined([self.clock(engine), *clocks])

    def issue(self) -> Note:
        """The registers and what the sequencer knows."""
        machine = self.machine
        a, s = tuple(machine.a), tuple(machine.s)
        registers = Registers(a, s, self._block_at, machine.core, machine.cores)
        return registers, self.clock(Engine.SQ)

    def wait_for(self, engines: Sequence[int]) -> None:
        """The sequencer learns what these engines know."""
        self.learn(Engine.SQ, [self.clock(engine) for engine in engines])

    def execute(self, bound: Bound, operands: Operands, note: Note) -> None:
        """Fault if the word races with an earlier one."""
        self.executed(bound, operands, note, self.taken(bound, operands, note))

    def taken(self, bound: Bound, operands: Operands, note: Note) -> Clock:
        """What its engine knows when the word has taken its semaphores."""
        _, issued = note
        taken = (self.semaphores[index].take() for index in bound.wait)
        return joined([self.clock(bound.engine), issued, *taken])

    def executed(self, bound: Bound, operands: Operands, note: Note, known: Clock) -> None:
        """The word does what it does, when all of `known` is done."""
        clock, actor = list(known), self.first + bound.engine
        clock[actor] = self.clock(bound.engine)[actor] + 1
        self.races.clocks[actor] = tuple(clock)
        if operands and operands[0]:
            self._touch(Access(bound, clock[actor], self.machine.core), note[0])
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
        touched, actor = self.touched[region.memory], access.actor

        def read(before: Touched) -> Touched:
            readers = (*before.readers[:actor], access, *before.readers[actor + 1 :])
            return Touched(before.writer, readers)

        for start, stop in region.intervals():
            for first, last, before in touched.pieces(start, stop):
                self._require_known(access, "reads", before.writer, "writes", (first, last), region)
            touched.change(start, stop, read)

    def _write(self, region: Region, access: Access) -> None:
        touched, after = self.touched[region.memory], self.races.touched(access)
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
        if earlier is None or earlier.time <= self.races.clocks[access.actor][earlier.actor]:
            return
        place = f"{region.memory.value} bytes [{span[0]}, {span[1]})"
        word = f"word {earlier.bound.index} on {earlier.bound.engine.name.lower()}"
        if self.machine.cores > 1:
            does, word = f"{does} on core {access.core}", f"{word} of core {earlier.core}"
        need = f"an order between this word, which {does} {place}, and {word}, which {did} them"
        raise race(need, f"none; {word} is\n{render(earlier.bound.word)}")
