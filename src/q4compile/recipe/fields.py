"""Readers of single YAML values: each returns the value, or reports a finding and returns None."""

import math
from collections.abc import Callable, Sequence

from q4compile.errors import Finding
from q4compile.recipe.findings import bad_value, unknown_key, unknown_word
from q4compile.yaml_lines import Node

Report = Callable[[Finding], None]
Pairs = dict[str, Node]


def read_pairs(node: Node, what: str, known: Sequence[str], report: Report) -> Pairs | None:
    """The mapping less its unknown keys, each of which is reported."""
    if not isinstance(node.value, dict):
        report(bad_value(node.at, what, "a mapping", node.shown()))
        return None
    for key in (key for key in node.value if key not in known):
        report(unknown_key(node.key_at(key), what, key, known))
    return {key: value for key, value in node.value.items() if key in known}


def read_text(node: Node, key: str, report: Report) -> str | None:
    """A text that is not empty."""
    if isinstance(node.value, str) and node.value:
        return node.value
    report(bad_value(node.at, key, "a text", node.shown()))
    return None


def read_choice(node: Node, what: str, known: Sequence[str], report: Report) -> str | None:
    """One of the known words."""
    word = read_text(node, what, report)
    if word is not None and word not in known:
        report(unknown_word(node.at, what, word, known))
        return None
    return word


def read_words(node: Node, key: str, report: Report) -> tuple[Node, ...] | None:
    """A text or a list of at least one, as nodes whose values are texts."""
    words = node.value if isinstance(node.value, tuple) else (node,)
    if words and all(isinstance(word.value, str) and word.value for word in words):
        return words
    wrong = [word for word in words if not (isinstance(word.value, str) and word.value)]
    got = wrong[0].shown() if wrong else "an empty list"
    report(bad_value(node.at, key, "a word or a list of words", got))
    return None


def read_flag(node: Node, key: str, report: Report) -> bool | None:
    """true or false."""
    if isinstance(node.value, bool):
        return node.value
    report(bad_value(node.at, key, "true or false", node.shown()))
    return None


def read_number(node: Node, key: str, report: Report) -> float | None:
    """A finite number."""
    value = node.value
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    report(bad_value(node.at, key, "a finite number", node.shown()))
    return None
