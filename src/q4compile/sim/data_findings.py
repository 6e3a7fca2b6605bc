"""What can be wrong with the arrays that an entry is run on, each with the one place that words it.

Q570 an input is missing     Q573 type                Q576 an integer outside its range
Q571 an unknown input        Q574 not finite          Q577 memory
Q572 shape                   Q575 a dimension
"""

from collections.abc import Iterable

from q4compile.errors import Finding, near


def missing_input(at: str, name: str, need: str) -> Finding:
    """Q570: an input that the entry has."""
    return Finding("Q570", "an input is missing", at, f"{name!r}, {need}", "none")


def unknown_input(at: str, name: str, known: Iterable[str]) -> Finding:
    """Q571: an input that it has not."""
    names = sorted(known)
    need = f"inputs out of {', '.join(names) or 'none'}"
    return Finding("Q571", "unknown input", at, need, repr(name), near(name, names))


def wrong_shape(at: str, need: str, got: str) -> Finding:
    """Q572: rank, a fixed axis, or two inputs that disagree."""
    return Finding("Q572", "the shape of an input does not fit", at, need, got)


def wrong_type(at: str, need: str, got: str, fix: str | None = None) -> Finding:
    """Q573: numbers of another kind."""
    return Finding("Q573", "the type of an input does not fit", at, need, got, fix)


def not_finite(at: str, got: str) -> Finding:
    """Q574: NaN or an infinity, which no code stands for."""
    return Finding("Q574", "an input is not finite", at, "finite numbers", got)


def bad_dimension(at: str, need: str, got: str) -> Finding:
    """Q575: a size outside what the program was compiled for."""
    return Finding("Q575", "a dimension does not fit the program", at, need, got)


def outside_range(at: str, lo: int, hi: int, got: str) -> Finding:
    """Q576: an integer that the port cannot hold."""
    return Finding("Q576", "an integer is outside its range", at, f"numbers in [{lo}, {hi}]", got)


def too_much_memory(at: str, limit: str, got: str) -> Finding:
    """Q577: the entry would need more than there is, or than a register can say."""
    return Finding("Q577", "the inputs are too large", at, limit, got, "split them")
