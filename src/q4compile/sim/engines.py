"""The sequencer and the queues of the engines of a core, one word forward at a time, in any order.

An order of running is made of `advance`, by which the sequencer executes or issues one word, and
`execute_next`, by which an engine executes one.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any, NoReturn, Protocol, TypeAlias

from q4compile.errors import Finding, TargetError
from q4compile.isa.assembly import render
from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Share
from q4compile.sim.binding import Bound, Operands, bind, bits_of
from q4compile.sim.fault import Fault, Trap, bad_loop, semaphores_left, too_many_words
from q4compile.sim.machine import Machine
from q4compile.sim.recorder import Recorder
from q4compile.sim.sequencing import CONTROLS, Control
from q4compile.sim.team import Team

QUEUE_WORDS = 8
"""Words that the queue of an engine holds; the sequencer waits while it is full."""

Issued: TypeAlias = tuple[Bound, Operands, Any]
"""A resolved word, and what the watcher noted when it was issued."""
EXECUTING: tuple[Engine, ...] = tuple(engine for engine in Engine if engine is not Engine.SQ)


class Watcher(Protocol):
    """Sees every word, in the order in which things happen."""

    def issue(self) -> Any:
        """A word is issued; what comes back is handed to `execute`."""
        ...

    def execute(self, bound: Bound, operands: Operands, note: Any) -> None:
        """An engine is about to execute it; may raise `Fault`."""
        ...

    def wait_for(self, engines: Sequence[int]) -> None:
        """The sequencer has seen these engines idle."""
        ...


class Code:
    """Words of a program for one core, each bound when it is first met.

    `at` names the program in errors.
    """

    def __init__(
        self, words: Sequence[Instruction], nodes: Sequence[str], at: str, core: int | None = None
    ) -> None:
        self.words, self.nodes, self.at = words, nodes, at
        self.core = "" if core is None else f" of core {core}"
        """Named in errors where there are several."""
        self.bound: list[Bound | None] = [None] * len(words)

    def stop(self, trap: Trap, entry: str, index: int) -> NoReturn:
        """Raise what happened at a word as an error."""
        raise TargetError(
            Finding(trap.code, trap.title, self.place(entry, index), trap.need, trap.got, trap.fix)
        )

    def place(self, entry: str, index: int) -> str:
        """``encoder.q4p, entry 'encoder', word 12 on mx, node '/l0'``, and its text."""
        where = f"{self.at}, entry {entry!r}"
        if index >= len(self.words):
            return where
        return f"{where}, {self.name(index)}\n{render(self.words[index])}"

    def name(self, index: int) -> str:
        """``word 12 on mx, node '/l0'``."""
        word = self.words[index]
        node = self.nodes[word.node] if word.node < len(self.nodes) else ""
        named = f", node {node!r}" if node else ""
        return f"word {index} on {word.engine.name.lower()}{self.core}{named}"


class Engines:
    """One run of an entry on one core."""

    def __init__(
        self,
        machine: Machine,
        code: Code,
        entry: str,
        start: int,
        max_words: int,
        team: Team,
        watcher: Watcher | None = None,
    ) -> None:
        self.recorder: Recorder | None = None
        """Of core 0 alone, if of any."""
        self.machine, self.code, self.entry, self.watcher = machine, code, entry, watcher
        self.control = Control(machine, len(code.words), start)
        self.queues: list[deque[Issued]] = [deque() for _ in Engine]
        self.backlog = 0
        """Words in all queues."""
        self.max_words = self.words_left = max_words
        self.finished = False
        self.team = team
        team.join(self)

    def can_advance(self) -> bool:
        """Whether the sequencer can go on: no barrier holds it, no queue is too full."""
        control = self.control
        if control.barrier:
            return not self.backlog or not any(
                self.queues[engine] for engine in bits_of(control.barrier)
            )
        if control.is_meeting:
            return self.team.all_met(self.machine.core)
        if control.pc >= len(self.code.words):
            return True
        if self.recorder is not None and self.recorder.is_due(control.pc):
            return not self.backlog
        engine = self.code.words[control.pc].engine
        return engine is Engine.SQ or len(self.queues[engine]) < QUEUE_WORDS

    def advance(self) -> Engine:
        """Execute or issue the next word, or pass a barrier; returns the engine that got it."""
        control = self.control
        index = control.pc
        try:
            if control.barrier or control.is_meeting:
                self._pass()
                return Engine.SQ
            if index >= len(self.code.words):
                raise bad_loop("a halt before the code ends", f"no word {index}")
            if not self.words_left:
                raise too_many_words(self.max_words)
            self.words_left -= 1
            if self.recorder is not None and self.recorder.is_due(index):
                self.recorder.take(index)
            word = self.code.words[index]
            if word.engine is Engine.SQ:
                self.machine.tally.words[Engine.SQ] += 1
                CONTROLS[type(word)](word, control)
                if control.is_meeting:
                    self.team.announce(self.machine.core, None)
                return Engine.SQ
            self._issue(index, word)
            return word.engine
        except Fault as fault:
            self.stop(fault, index)

    def _pass(self) -> None:
        """A barrier, and then the others where they meet."""
        control, core = self.control, self.machine.core
        if control.barrier:
            if self.watcher is not None:
                self.watcher.wait_for(bits_of(control.barrier))
            control.barrier = 0
            if control.is_meeting:
                self.team.arrive(core)
        else:
            control.is_meeting = False
            self.team.depart(core)
        if control.halted:
            if any(self.machine.semaphores):
                raise semaphores_left(self.machine.semaphores)
            self.team.leave(core)
            self.finished = True

    def _issue(self, index: int, word: Instruction) -> None:
        bound = self.code.bound[index]
        if bound is None:
            bound = self.code.bound[index] = bind(index, word, self.machine)
        operands = bound.resolve()
        if isinstance(word, Share):
            self.team.announce(self.machine.core, (operands[0], word.row_bytes))
        note = None if self.watcher is None else self.watcher.issue()
        self.control.go_on(index + 1)
        self.queues[bound.engine].append((bound, operands, note))
        self.backlog += 1

    def can_execute(self, engine: Engine) -> bool:
        """Whether the engine has a word whose semaphores are there, on all cores if they share."""
        queue = self.queues[engine]
        if not queue or not self.machine.ready(queue[0][0].wait):
            return False
        return not queue[0][0].is_shared or self.team.can_share()

    def execute_next(self, engine: Engine) -> None:
        """Execute the first word in the queue of an engine that `can_execute`."""
        if self.queues[engine][0][0].is_shared:
            self.team.share()
            return
        bound, operands, note = self.take_next(engine)
        try:
            if self.watcher is not None:
                self.watcher.execute(bound, operands, note)
            bound.run(*operands)
        except Fault as fault:
            self.stop(fault, bound.index)
        self.give(bound)

    def take_next(self, engine: Engine) -> Issued:
        """The first word in the queue of an engine, which takes its semaphores."""
        issued = self.queues[engine].popleft()
        self.backlog -= 1
        self.machine.take(issued[0].wait)
        return issued

    def give(self, bound: Bound) -> None:
        """The word is executed."""
        try:
            self.machine.post(bound.post)
        except Fault as fault:
            self.stop(fault, bound.index)
        self.machine.tally.words[bound.engine] += 1

    def stop(self, fault: Fault, index: int) -> NoReturn:
        """Raise what happened at a word as an error."""
        self.code.stop(fault.trap, self.entry, index)
