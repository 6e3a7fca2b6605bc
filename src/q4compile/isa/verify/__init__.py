"""``verify(program, target)``: no data can make the program go wrong, at the sizes that are walked.

The words are issued as the sequencer issues them and run in one order of engines; nothing is
computed. What holds for any other order follows from the semaphores (`semaphores`).
"""

from q4compile.errors import Finding, TargetError, raise_all
from q4compile.isa.program import Program
from q4compile.isa.program_checks import MAX_FINDINGS, require_sound
from q4compile.isa.target import Target
from q4compile.isa.verify.checks import CHECKS
from q4compile.isa.verify.walk import walked


def verify(program: Program, target: Target) -> None:
    """Return if all walks of the program are right.

    Raises:
        TargetError: Q314, Q316 or Q317 for one that is not sound, else Q340 to Q351, each defect
            where it shows first, up to `MAX_FINDINGS` of them.
    """
    require_sound(program, target, program.name)
    verification = walked(program, target)
    found: dict[tuple[str, str, str], Finding] = {}
    for check in CHECKS:
        for each in check(verification):
            found.setdefault((each.code, each.at, each.need), each)
    ordered = sorted(found.values(), key=lambda each: each.code)
    raise_all(TargetError, ordered[:MAX_FINDINGS])


__all__ = ["verify"]
