"""The errors of target files, each with the one place that words it.

Q300 no such target        Q302 unknown key    Q304 bad value              Q306 a base that loops
Q301 not YAML, no mapping  Q303 missing key    Q305 tag, anchor or alias
"""

from collections.abc import Sequence

from q4compile.errors import Finding, near
from q4compile.yaml_lines import Codes

LONGEST = 80
YAML_CODES = Codes(unreadable="Q301", duplicate="Q301", forbidden="Q305")


def no_such_target(name: str, shipped: Sequence[str], at: str | None = None) -> Finding:
    """Q300: neither a file nor a shipped name; `at` is where a file names it."""
    need = f"a file, or one of the targets that come along: {', '.join(shipped)}"
    fix = near(name.removesuffix(".yaml"), shipped)
    got = repr(name if len(name) <= LONGEST else f"{name[:LONGEST]}…")
    return Finding("Q300", "no such target", at or got, need, "neither" if at is None else got, fix)


def no_mapping(at: str, what: str, got: str) -> Finding:
    """Q301: a mapping must stand there."""
    return Finding("Q301", "the file is not a target", at, f"{what}: a mapping", got)


def unknown_key(at: str, what: str, key: str, known: Sequence[str]) -> Finding:
    """Q302: `what` has no such key."""
    need = f"one of {', '.join(known)}"
    return Finding("Q302", f"unknown key in {what}", at, need, f"{key!r}", near(key, known))


def missing_key(at: str, what: str, key: str, need: str) -> Finding:
    """Q303: neither the file nor its bases have it."""
    fix = "add it, or name a target that has it: `base: rapid1`"
    return Finding("Q303", f"{what} without {key}", at, f"{key}: {need}", "no such key", fix)


def bad_value(at: str, key: str, need: str, got: str) -> Finding:
    """Q304: the key is right, its value is not."""
    return Finding("Q304", f"{key} has a value it cannot have", at, need, got)


def looping_base(at: str, chain: Sequence[str]) -> Finding:
    """Q306: a file is its own base, at some remove."""
    need = "bases that end in a target without one"
    return Finding("Q306", "a target is its own base", at, need, " -> ".join(chain))
