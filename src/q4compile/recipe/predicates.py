"""The conditions a rule's `match` may state. A list means any of; all keys of a match must hold.

words      component, op, role, position, producer, consumer, bounded_by
patterns   name: shell patterns, ``encoder.*``
numbers    size [elements] and, measured, max_abs, kurtosis, skew, outlier_share:
           ``{min: 4}``, ``{max: 0.5}`` or both, the ends included
"""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import inf
from operator import attrgetter
from typing import Protocol

from q4compile.recipe.subject import BOUNDS, POSITIONS, ROLES, Measured, Subject


class Predicate(Protocol):
    """One condition on a subject."""

    @property
    def key(self) -> str:
        """The word in the recipe."""
        ...

    def declines(self, subject: Subject) -> str | None:
        """Why the condition does not hold, as ``op is Gemm, not LSTM``; None when it does."""
        ...

    def covers(self, other: "Predicate") -> bool:
        """Whether this holds wherever `other`, of the same key, holds."""
        ...


@dataclass(frozen=True)
class Words:
    """Keys whose value is a word, or several: the subject must have one of those named."""

    key: str
    of: Callable[[Subject], frozenset[str]]
    known: tuple[str, ...] | None = None
    """The only words there are; None when the model decides."""


@dataclass(frozen=True)
class Patterns:
    """Keys whose value is a shell pattern, or several."""

    key: str
    of: Callable[[Subject], str]


@dataclass(frozen=True)
class Numbers:
    """Keys whose value is an interval."""

    key: str
    of: Callable[[Subject], float | None]
    missing: str
    """Why a subject may have no such number."""
    measured: bool = False


@dataclass(frozen=True)
class OneOf:
    """The subject has one of `wanted`."""

    field: Words
    wanted: tuple[str, ...]

    @property
    def key(self) -> str:
        return self.field.key

    def declines(self, subject: Subject) -> str | None:
        found = self.field.of(subject)
        if found & set(self.wanted):
            return None
        return f"{self.key} is {' and '.join(sorted(found)) or 'none'}, not {_either(self.wanted)}"

    def covers(self, other: Predicate) -> bool:
        return isinstance(other, OneOf) and set(other.wanted) <= set(self.wanted)

    def __str__(self) -> str:
        return f"{self.key} {_either(self.wanted)}"


@dataclass(frozen=True)
class Like:
    """The subject's text matches one of `patterns`, upper and lower case told apart."""

    field: Patterns
    patterns: tuple[str, ...]

    @property
    def key(self) -> str:
        return self.field.key

    def declines(self, subject: Subject) -> str | None:
        found = self.field.of(subject)
        if any(fnmatchcase(found, pattern) for pattern in self.patterns):
            return None
        return f"{self.key} is {found}, not like {_either(self.patterns)}"

    def covers(self, other: Predicate) -> bool:
        return isinstance(other, Like) and all(map(self._covers_pattern, other.patterns))

    def _covers_pattern(self, pattern: str) -> bool:
        if pattern in self.patterns or "*" in self.patterns:
            return True
        plain = not any(sign in pattern for sign in "*?[")
        return plain and any(fnmatchcase(pattern, each) for each in self.patterns)

    def __str__(self) -> str:
        return f"{self.key} like {_either(self.patterns)}"


@dataclass(frozen=True)
class Between:
    """``low <= number <= high``."""

    field: Numbers
    low: float = -inf
    high: float = inf

    @property
    def key(self) -> str:
        return self.field.key

    def declines(self, subject: Subject) -> str | None:
        found = self.field.of(subject)
        if found is None:
            return self.field.missing
        if found < self.low:
            return f"{self.key} is {found:.4g}, below {self.low:g}"
        return f"{self.key} is {found:.4g}, above {self.high:g}" if found > self.high else None

    def covers(self, other: Predicate) -> bool:
        return isinstance(other, Between) and self.low <= other.low and other.high <= self.high

    def __str__(self) -> str:
        return f"{self.key} in [{self.low:g}, {self.high:g}]"


def _either(words: tuple[str, ...]) -> str:
    return " or ".join(words)


def _word(name: str) -> Callable[[Subject], frozenset[str]]:
    value: Callable[[Subject], str | None] = attrgetter(name)
    return lambda subject: frozenset({value(subject) or "none"})


def _measured(name: str) -> Numbers:
    value: Callable[[Measured], float] = attrgetter(name)
    return Numbers(
        name,
        lambda subject: None if subject.measured is None else value(subject.measured),
        f"{name} was not measured",
        measured=True,
    )


KEYS: tuple[Words | Patterns | Numbers, ...] = (
    Words("bounded_by", _word("bounded_by"), BOUNDS),
    Words("component", _word("component")),
    Words("consumer", lambda subject: subject.consumers),
    _measured("kurtosis"),
    _measured("max_abs"),
    Patterns("name", lambda subject: subject.name),
    Words("op", _word("op")),
    _measured("outlier_share"),
    Words("position", lambda subject: subject.position, POSITIONS),
    Words("producer", _word("producer")),
    Words("role", _word("role"), ROLES),
    Numbers("size", lambda subject: subject.size, "size is not known before the model runs"),
    _measured("skew"),
)
