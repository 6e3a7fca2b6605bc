"""The structure of code: which loops a word lies in, and whether they nest.

The body of a loop at word i is [i + 1, i + 1 + length).
"""

from collections.abc import Iterator, Sequence

from q4compile.errors import Finding
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Halt, Loop, Share
from q4compile.isa.program_findings import unstructured


def loop_depths(code: Sequence[Instruction]) -> list[int]:
    """How many loop bodies each word lies in; bodies that reach too far end with the outer one."""
    depths: list[int] = []
    ends: list[int] = []
    for index, each in enumerate(code):
        while ends and ends[-1] <= index:
            ends.pop()
        depths.append(len(ends))
        if isinstance(each, Loop):
            end = index + 1 + each.length
            ends.append(min(end, ends[-1]) if ends else end)
    return depths


def structure_findings(code: Sequence[Instruction], cores: int, at: str) -> Iterator[Finding]:
    """Q317: loops that do not nest, levels that do not rise, rows of parts that overlap, no end."""
    around: list[tuple[int, int]] = []
    for index, each in enumerate(code):
        while around and around[-1][0] <= index:
            around.pop()
        where = f"{at}, word {index}"
        if isinstance(each, Halt) and around:
            yield unstructured(where, "halt outside of all loops", f"in {len(around)} of them")
        if isinstance(each, Share) and each.rows != 1:
            row_bytes = cores * each.row_bytes if cores > 1 else 0
            if each.pitch < row_bytes:
                yield unstructured(where, f"a pitch of {row_bytes} bytes at least", f"{each.pitch}")
        if isinstance(each, Loop):
            end, level = around[-1] if around else (len(code), -1)
            stop = index + 1 + each.length
            if stop > end:
                yield unstructured(where, f"a body that ends by word {end}", f"word {stop}")
            if each.level <= level:
                yield unstructured(where, f"a loop level above {level}", f"{each.level}")
            around.append((min(stop, end), each.level))
    if code and not isinstance(code[-1], Halt):
        yield unstructured(
            f"{at}, word {len(code) - 1}", "halt as the last word", code[-1].mnemonic
        )
