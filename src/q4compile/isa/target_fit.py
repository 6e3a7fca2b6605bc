"""Whether a program is for a target: the same values, and room for code and data."""

from collections.abc import Iterator

from q4compile.errors import Finding, TargetError
from q4compile.isa.program_findings import other_target, too_large
from q4compile.isa.target import Target, load_target, shipped_targets
from q4compile.isa.word import WORD_BYTES


def target_for(name: str, target_hash: bytes, given: Target | None, at: str) -> Target:
    """`given`, or else the shipped target called `name`: the one with that hash.

    Raises:
        TargetError: Q313 when there is none, or its values are others.
    """
    shipped = shipped_targets()
    if given is None and name not in shipped:
        need = f"--target FILE, or one of the targets that come along: {', '.join(shipped)}"
        raise TargetError(other_target(at, need, f"{name!r}"))
    target = given or load_target(name)
    if target.name != name:
        raise TargetError(other_target(at, f"the target {name!r}", f"{target.name!r}"))
    if target.hash != target_hash:
        need = f"the target {name!r} of SHA-256 {target_hash.hex()[:16]}"
        raise TargetError(other_target(at, need, target.hash.hex()[:16]))
    return target


def size_findings(code_bytes: int, data_bytes: int, target: Target, at: str) -> Iterator[Finding]:
    """Q314 for code or data that the target has no room for."""
    words = target.sequencer.code_words
    if code_bytes > words * WORD_BYTES:
        yield too_large(f"{at}, CODE", f"at most {words} words", f"{code_bytes // WORD_BYTES}")
    if data_bytes > target.dram.size_bytes:
        yield too_large(f"{at}, DATA", f"at most {target.dram.size_bytes} bytes", f"{data_bytes}")


def core_findings(cores: int, target: Target, at: str) -> Iterator[Finding]:
    """Q314 for more cores than the target has; a program may leave cores idle."""
    if cores > target.cores:
        yield too_large(f"{at}, META", f"at most {target.cores} cores", f"{cores}")
