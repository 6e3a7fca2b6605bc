"""Q349: every entry is walked, and every loop that can run does so in a walk."""

from collections.abc import Iterator

from q4compile.errors import Finding
from q4compile.isa.verify.findings import entry_place, not_walked, word_place
from q4compile.isa.verify.sizes import MAX_WORDS_ONCE
from q4compile.isa.verify.walk import Verification


def findings(verification: Verification) -> Iterator[Finding]:
    """Entries without a walk, then loops that no walk runs."""
    program = verification.program
    for name, reason in verification.unwalked.items():
        yield not_walked(entry_place(program, program.entry(name)), "a walk of the entry", reason)
    for entry, loop in verification.idle_loops:
        need = f"sizes at which this loop runs, within {MAX_WORDS_ONCE} words"
        yield not_walked(word_place(program, entry, loop), need, "none of those that were tried")
