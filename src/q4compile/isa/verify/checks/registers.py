"""Q347: registers are set before they are read, hold what they can hold, and strides find loops."""

from collections.abc import Iterator

from q4compile.errors import Finding
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import SetA, SetS, Stride
from q4compile.isa.instructions.gated import STEPS
from q4compile.isa.verify.findings import bad_register, word_place
from q4compile.isa.verify.host import written_registers
from q4compile.isa.verify.resolved import named_registers
from q4compile.isa.verify.walk import Verification, Walk


def findings(verification: Verification) -> Iterator[Finding]:
    """The first reading of each register that nothing has set; where the sequencer stops."""
    program = verification.program
    for walk in verification.walks:
        for index, register in _unset(walk):
            at = word_place(program, walk.entry, index)
            yield bad_register(at, f"{register} set before it is read", "nothing sets it")
        if walk.problem is not None:
            at = word_place(program, walk.entry, walk.problem.index)
            got = f"{walk.problem.got}, with {walk.sizes}"
            yield bad_register(at, walk.problem.need, got)


def _unset(walk: Walk) -> Iterator[tuple[int, str]]:
    """Words, each where it comes first, and the registers they read too early."""
    known = {"A0", *(f"S{n}" for n in written_registers(walk.entry))}
    seen: set[int] = set()
    for each in walk.issued:
        if each.index not in seen:
            seen.add(each.index)
            for register in sorted(read_registers(each.word) - known):
                yield each.index, register
                known.add(register)
            known |= set_registers(each.word)


def read_registers(word: Instruction) -> set[str]:
    """The registers whose values matter to a word."""
    if isinstance(word, SetS):
        return {f"S{word.source}"} if word.times else set()
    if isinstance(word, SetA):
        factors = ((word.times, word.source), (word.times2, word.source2))
        return {f"S{source}" for times, source in factors if times}
    if isinstance(word, Stride):
        return {f"A{word.register}"} | ({f"S{word.source}"} if word.times else set())
    in_a, in_s = named_registers(word)
    if isinstance(word, STEPS) and word.lengths:
        in_a = (*in_a, word.step)
    return {f"A{n}" for n in in_a} | {f"S{n}" for n in in_s}


def set_registers(word: Instruction) -> set[str]:
    """The registers that a word sets."""
    if isinstance(word, SetS):
        return {f"S{word.register}"}
    return {f"A{word.register}"} if isinstance(word, SetA) else set()
