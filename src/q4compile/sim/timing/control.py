"""Where the sequencer of a core is: loops, and the S registers that hold counts.

Addresses make no difference to time, so that `SETA` and `STRIDE` are words like any other here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from q4compile.errors import Finding, TargetError
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Loop, SetS
from q4compile.isa.operand import Scalar


@dataclass(slots=True)
class Frame:
    """A loop that is running: its body is the words [first, stop)."""

    first: int
    stop: int
    left: int
    """Iterations that are not complete."""
    seen: dict[object, object] = field(default_factory=dict)
    """What `loop_skip` keeps of iterations that are over."""
    last_end: int = -1
    """When the iteration before ended."""
    is_watched: bool = True
    """Whether a steady state may still be worth finding."""


@dataclass(slots=True)
class Control:
    """Of one core."""

    code: Sequence[Instruction]
    index: int
    """Of the word in hand."""
    s: list[int]
    frames: list[Frame] = field(default_factory=list)

    @property
    def word(self) -> Instruction:
        """The word in hand."""
        return self.code[self.index]

    def rows(self) -> int:
        """Of the word in hand; 0 where it has none."""
        rows = getattr(self.word, "rows", 0)
        return self.count("rows", rows)

    def count(self, what: str, value: int | Scalar) -> int:
        """A number of rows or iterations, from 0 on.

        Raises:
            TargetError: Q363.
        """
        number = self.s[value.index] if isinstance(value, Scalar) else value
        if number < 0:
            need = f"{what} of word {self.index}: a count from 0 on"
            at = f"word {self.index}"
            raise TargetError(Finding("Q363", "a number does not fit", at, need, f"{number}"))
        return number

    def execute(self) -> None:
        """What the word in hand does to registers and loops."""
        word = self.word
        if isinstance(word, SetS):
            self.s[word.register] = word.of(self.s[word.source])
        elif isinstance(word, Loop):
            count, first = self.count("iterations", word.count), self.index + 1
            if count:
                self.frames.append(Frame(first, first + word.length, count))
            else:
                self.index += word.length

    def go_on(self) -> Frame | None:
        """To the next word; the loop of which that begins another iteration."""
        self.index += 1
        while self.frames and self.frames[-1].stop == self.index:
            frame = self.frames[-1]
            frame.left -= 1
            if frame.left:
                self.index = frame.first
                return frame
            self.frames.pop()
        return None
