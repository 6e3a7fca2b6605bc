"""The errors of the verifier, each with the one place that words it.

Q340 semaphores       Q344 accumulator overflow    Q347 registers and strides
Q341 deadlock         Q345 accumulator not traced  Q348 tables and parameters
Q342 out of bounds    Q346 coverage of DATA        Q349 not walked
Q343 race                                          Q350 cores that differ
                                                   Q351 coded streams
"""

from q4compile.errors import Finding
from q4compile.isa.assembly import render
from q4compile.isa.program import Entry, Program


def word_name(program: Program, index: int) -> str:
    """``word 8 of /encoder/l0: mm to=[0x0] …``."""
    word = program.code[index]
    node = f" of {program.nodes[word.node]}" if word.node else ""
    return f"word {index}{node}: {render(word)}"


def entry_place(program: Program, entry: Entry) -> str:
    """``model, entry 'encoder'``."""
    return f"{program.name}, entry {entry.name!r}"


def word_place(program: Program, entry: Entry, index: int) -> str:
    """The same, and a word."""
    return f"{entry_place(program, entry)}, {word_name(program, index)}"


def semaphore_left(at: str, need: str, got: str) -> Finding:
    """Q340: posts that nobody takes."""
    fix = "as many posts as waits, in each iteration of a loop"
    return Finding("Q340", "a semaphore is not 0 at the end", at, need, got, fix)


def semaphore_overfull(at: str, need: str, got: str) -> Finding:
    """Q340: an engine that runs ahead."""
    fix = "a semaphore that the posting engine waits for, so that it cannot run ahead"
    return Finding("Q340", "a semaphore may overflow", at, need, got, fix)


def semaphore_contested(at: str, need: str, got: str) -> Finding:
    """Q340: two engines that may take what the other one needs."""
    fix = "a semaphore for each of the two"
    return Finding("Q340", "timing decides who takes a semaphore", at, need, got, fix)


def deadlock(at: str, got: str) -> Finding:
    """Q341: everyone waits."""
    return Finding("Q341", "the program comes to a standstill", at, "somebody who can go on", got)


def out_of_bounds(at: str, need: str, got: str) -> Finding:
    """Q342: bytes that the word must not touch."""
    return Finding("Q342", "a word reaches beyond its memory", at, need, got)


def race(at: str, need: str, got: str) -> Finding:
    """Q343: nothing orders two words that must be ordered."""
    fix = "a semaphore that the first one posts and the second one waits for, or a bar"
    return Finding("Q343", "two words race", at, need, got, fix)


def core_race(at: str, need: str, got: str) -> Finding:
    """Q343: two words of different cores."""
    fix = "a meet that waits for the first one, between the two"
    return Finding("Q343", "words of two cores race", at, need, got, fix)


def overflow(at: str, need: str, got: str) -> Finding:
    """Q344: the largest sum is too large."""
    fix = "look for a weight or activation range that calibration set wrongly"
    return Finding("Q344", "an accumulator may overflow", at, need, got, fix)


def untraced(at: str, need: str, got: str) -> Finding:
    """Q345: the largest sum is not known."""
    title = "an accumulator may overflow, as far as the program shows"
    return Finding("Q345", title, at, need, got)


def not_covered(at: str, need: str, got: str) -> Finding:
    """Q346: DATA and what the code reads of it do not agree."""
    return Finding("Q346", "data and code do not fit each other", at, need, got)


def bad_register(at: str, need: str, got: str) -> Finding:
    """Q347: what the sequencer computes with."""
    return Finding("Q347", "a register does not hold what it must", at, need, got)


def unwritten(at: str, got: str) -> Finding:
    """Q347: what has been in SRAM before."""
    need = "reads of bytes that an earlier word has written"
    return Finding("Q347", "a word reads what nothing has written", at, need, got)


def bad_table(at: str, need: str, got: str) -> Finding:
    """Q348: a table or a block that is not where the word says."""
    return Finding("Q348", "a table or parameters are not where they must be", at, need, got)


def not_walked(at: str, need: str, got: str) -> Finding:
    """Q349: too large to be proved right."""
    return Finding("Q349", "the program cannot be verified", at, need, got)


def cores_differ(at: str, need: str, got: str) -> Finding:
    """Q350: what all cores do together, one does not, or does otherwise."""
    return Finding("Q350", "cores do not meet and share alike", at, need, got)


def bad_stream(at: str, got: str) -> Finding:
    """Q351: what LD cannot decode."""
    need = "a coded stream in DATA of as many bytes as the word writes, and zeros behind it"
    return Finding("Q351", "a coded stream does not decode", at, need, got)
