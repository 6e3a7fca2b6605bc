"""The errors of program texts, each with the one place that words it.

Q330 not a program text    Q331 unknown mnemonic    Q332 a field of a word    Q333 DATA
"""

from collections.abc import Sequence

from q4compile.errors import Finding

LONGEST = 80


def shown(text: str) -> str:
    """What stands there, in quotes and short enough for an error."""
    return repr(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")


def no_text(at: str, need: str, got: str, fix: str | None = None) -> Finding:
    """Q330: its parts are not those of a program text."""
    return Finding("Q330", "the file is no program text", at, need, got, fix)


def unknown_mnemonic(at: str, known: Sequence[str], got: str, fix: str | None) -> Finding:
    """Q331: no instruction of that name."""
    need = f"one of {', '.join(known)}"
    return Finding("Q331", "unknown instruction", at, need, got, fix)


def unknown_field(at: str, known: Sequence[str], got: str, fix: str | None) -> Finding:
    """Q332: the instruction has no such field."""
    need = f"one of {', '.join(known)}"
    return Finding("Q332", "unknown field of an instruction", at, need, shown(got), fix)


def bad_field(at: str, field: str, need: str, got: str) -> Finding:
    """Q332: a field that is missing, there twice, or has a value it cannot have."""
    return Finding("Q332", "a field of an instruction is wrong", at, f"{field}: {need}", got)


def bad_data(at: str, need: str, got: str) -> Finding:
    """Q333: the bytes of DATA cannot be read, or are not as many as it says."""
    return Finding("Q333", "the data of a program text is wrong", at, need, got)
