"""The sequencer and the queues of the engines, one word forward at a time, in whatever order.

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
from q4compile.sim.binding import Bound, Operands, bind, bits_of
from q4compile.sim.fault import Fault, Trap, bad_loop, semaphores_left, too_many_words
from q4compile.sim.machine import Machine
from q4compile.sim.sequencing import CONTROLS, Control

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
    """Words of a program for one machine, each bound when it is first met.

    `at` names the program in errors.
    """

    def __init__(self, words: Sequence[Instruction], nodes: Sequence[str], at: str) -> None:
        self.words, self.nodes, self.at = words, nodes, at
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
        return f"word {index} on {word.engine.name.lower()}{named}"


class Engines:
    """One run of an entry."""

    def __init__(
        self,
        machine: Machine,
        code: Code,
        entry: str,
        start: int,
        max_words: int,
        watcher: Watcher | None = None,
    ) -> None:
        self.machine, self.code, self.entry, self.watcher = machine, code, entry, watcher
        self.control = Control(machine, len(code.words), start)
        self.queues: list[deque[Issued]] = [deque() for _ in Engine]
        self.backlog = 0
        """Words in all queues."""
        self.max_words = self.words_left = max_words
        self.finished = False

    def can_advance(self) -> bool:
        """Whether the sequencer can go on: no barrier holds it, no queue is too full."""
        control = self.control
        if control.barrier:
            return not self.backlog or not any(
                self.queues[engine] for engine in bits_of(control.barrier)
            )
        if control.pc >= len(self.code.words):
            return True
        engine = self.code.words[control.pc].engine
        return engine is Engine.SQ or len(self.queues[engine]) < QUEUE_WORDS

    def advance(self) -> Engine:
        """Execute or issue the next word, or pass a barrier; returns the engine that got it."""
        control = self.control
        index = control.pc
        try:
            if control.barrier:
                self._pass_barrier()
                return Engine.SQ
            if index >= len(self.code.words):
                raise bad_loop("a halt before the code ends", f"no word {index}")
            if not self.words_left:
                raise too_many_words(self.max_words)
            self.words_left -= 1
            word = self.code.words[index]
            if word.engine is Engine.SQ:
                self.machine.tally.words[Engine.SQ] += 1
                CONTROLS[type(word)](word, control)
                return Engine.SQ
            self._issue(index, word)
            return word.engine
        except Fault as fault:
            self.code.stop(fault.trap, self.entry, index)

    def _pass_barrier(self) -> None:
        control = self.control
        if self.watcher is not None:
            self.watcher.wait_for(bits_of(control.barrier))
        control.barrier = 0
        if control.halted:
            if any(self.machine.semaphores):
                raise semaphores_left(self.machine.semaphores)
            self.finished = True

    def _issue(self, index: int, word: Instruction) -> None:
        bound = self.code.bound[index]
        if bound is None:
            bound = self.code.bound[index] = bind(index, word, self.machine)
        operands = bound.resolve()
        note = None if self.watcher is None else self.watcher.issue()
        self.control.go_on(index + 1)
        self.queues[bound.engine].append((bound, operands, note))
        self.backlog += 1

    def can_execute(self, engine: Engine) -> bool:
        """Whether the engine has a word whose semaphores are there."""
        queue = self.queues[engine]
        return bool(queue) and self.machine.ready(queue[0][0].wait)

    def execute_next(self, engine: Engine) -> None:
        """Execute the first word in the queue of an engine that `can_execute`."""
        machine = self.machine
        bound, operands, note = self.queues[engine].popleft()
        self.backlog -= 1
        try:
            machine.take(bound.wait)
            if self.watcher is not None:
                self.watcher.execute(bound, operands, note)
            bound.run(*operands)
            machine.post(bound.post)
        except Fault as fault:
            self.code.stop(fault.trap, self.entry, bound.index)
        machine.tally.words[engine] += 1
