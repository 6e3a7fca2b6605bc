"""What a machine stops at, each with the one place that words it. Where it happened is added later.

Q360 out of bounds       Q364 deadlock               Q368 parameters in memory
Q361 semaphores          Q365 an id outside a table  Q369 race
Q362 loops and ends      Q367 too many words         Q370 cores that differ
Q363 a number too large                              Q371 coded streams
"""

from collections.abc import Sequence
from dataclasses import dataclass

MAX_SEMAPHORE = 255
INT32 = "a number in int32"


@dataclass(frozen=True)
class Trap:
    """A finding without its place."""

    code: str
    title: str
    need: str
    got: str
    fix: str | None = None


class Fault(Exception):
    """A word cannot be executed."""

    def __init__(self, trap: Trap) -> None:
        super().__init__(f"{trap.code}: {trap.title}")
        self.trap = trap


def out_of_bounds(what: str, memory: str, start: int, stop: int, size_bytes: int) -> Fault:
    """Q360: an operand reaches beyond its memory."""
    need = f"{what} within the {size_bytes} bytes of {memory}"
    return Fault(Trap("Q360", "a word reaches beyond its memory", need, f"[{start}, {stop})"))


def semaphore_overflow(index: int) -> Fault:
    """Q361: more posts than an 8-bit counter holds."""
    need = f"at most {MAX_SEMAPHORE} posts of semaphore {index} that nobody has taken"
    return Fault(Trap("Q361", "a semaphore overflows", need, f"{MAX_SEMAPHORE + 1}"))


def semaphores_left(counts: Sequence[int]) -> Fault:
    """Q361: posts that nobody took before the end."""
    left = ", ".join(f"{count} of semaphore {index}" for index, count in enumerate(counts) if count)
    return Fault(Trap("Q361", "semaphores are not 0 at the end", "a wait for each post", left))


def bad_loop(need: str, got: str) -> Fault:
    """Q362: loops do not nest, or code has no end."""
    return Fault(Trap("Q362", "the code has no structure", need, got))


def does_not_fit(what: str, need: str, value: int) -> Fault:
    """Q363: a register, a count or an accumulator."""
    return Fault(Trap("Q363", "a number does not fit", f"{what}: {need}", f"{value}"))


def accumulator_overflow(row: int, column: int) -> Fault:
    """Q363: a sum beyond int32."""
    need = f"accumulator [{row}, {column}]: {INT32}"
    return Fault(Trap("Q363", "a number does not fit", need, "a sum beyond it"))


def outside_table(row: int, value: int, count: int) -> Fault:
    """Q365: a gather of a row that does not exist."""
    need = f"ids[{row}] in [0, {count})"
    return Fault(Trap("Q365", "an id lies outside its table", need, f"{value}"))


def too_many_words(limit: int) -> Fault:
    """Q367: a program that does not end soon enough."""
    need = f"an end within {limit} words"
    fix = "raise max_words if the program is right"
    return Fault(Trap("Q367", "the program takes too long", need, "more", fix))


def bad_parameters(what: str, need: str, got: str) -> Fault:
    """Q368: a multiplier or an LSTM block in memory that is none."""
    return Fault(Trap("Q368", "parameters in memory are wrong", f"{what}: {need}", got))


def no_multiplier(what: str, index: int, word: int) -> Fault:
    """Q368: 32 bits that are no multiplier."""
    need = "0, or mul in [2^23, 2^24) and shift up to 62"
    return bad_parameters(f"{what}[{index}]", need, f"{word:#010x}")


def race(need: str, got: str) -> Fault:
    """Q369: two words touch a byte, one of them writes it, and nothing orders them."""
    fix = "order them by a semaphore or by bar"
    return Fault(Trap("Q369", "two words race", need, got, fix))


def cores_differ(need: str, got: str) -> Fault:
    """Q370: one core does something with the others that another one does not."""
    title = "cores do not meet and share alike"
    return Fault(Trap("Q370", title, f"the same on every core: {need}", got))


def bad_stream(count: int, source_bytes: int, problem: str) -> Fault:
    """Q371: what LD cannot decode."""
    need = f"{count} bytes coded in {source_bytes}, and zeros behind them"
    return Fault(Trap("Q371", "a coded stream does not decode", need, problem))
