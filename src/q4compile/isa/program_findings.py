"""The errors of program files, each with the one place that words it.

Q310 no program file      Q313 for another target         Q316 META names what is not there
Q311 damaged              Q314 too large for the target   Q317 loops or entries do not fit
Q312 checksum             Q315 META of the wrong shape    Q320 a word is no instruction
"""

from q4compile.errors import Finding

AGAIN = "compile or copy the program again"


def no_program(at: str, need: str, got: str, fix: str | None = None) -> Finding:
    """Q310: it cannot be read, or is something else."""
    return Finding("Q310", "the file is no program", at, need, got, fix)


def damaged(at: str, need: str, got: str) -> Finding:
    """Q311: its parts do not lie as they must."""
    return Finding("Q311", "the program file is damaged", at, need, got, AGAIN)


def wrong_checksum(at: str, need: int, got: int) -> Finding:
    """Q312: bytes have changed since they were written."""
    text = "a checksum of the program file is wrong"
    return Finding("Q312", text, at, f"CRC-32 {need:08x}", f"{got:08x}", AGAIN)


def other_target(at: str, need: str, got: str) -> Finding:
    """Q313: the values of the target are not those that it was compiled for."""
    fix = "compile it again, or name the file of its target with --target"
    return Finding("Q313", "the program is for another target", at, need, got, fix)


def too_large(at: str, need: str, got: str) -> Finding:
    """Q314: the target has no room for it."""
    return Finding("Q314", "the program does not fit the target", at, need, got)


def wrong_shape(at: str, need: str, got: str) -> Finding:
    """Q315: META is not the JSON that it must be."""
    return Finding("Q315", "META of the program has the wrong shape", at, need, got)


def not_there(at: str, need: str, got: str) -> Finding:
    """Q316: META says something that does not hold for this program."""
    return Finding("Q316", "META of the program does not hold", at, need, got)


def unstructured(at: str, need: str, got: str) -> Finding:
    """Q317: the code would run out of a loop, or out of the program."""
    return Finding("Q317", "the code of the program has no structure", at, need, got)


def no_instruction(at: str, need: str, got: str) -> Finding:
    """Q320: strict decoding."""
    return Finding("Q320", "a word is no instruction", at, need, got)
