"""`match: {...}` → predicates."""

from q4compile.recipe.fields import Report, read_number, read_pairs, read_words
from q4compile.recipe.findings import bad_value, unknown_word
from q4compile.recipe.predicates import (
    KEYS,
    Between,
    Like,
    Numbers,
    OneOf,
    Patterns,
    Predicate,
    Words,
)
from q4compile.yaml_lines import Node

KEY_NAMED = {field.key: field for field in KEYS}


def read_match(node: Node, report: Report) -> tuple[Predicate, ...]:
    """The conditions in the order they stand in the file; wrong ones are reported and left out."""
    pairs = read_pairs(node, "match", tuple(KEY_NAMED), report) or {}
    read = (read_predicate(KEY_NAMED[key], value, report) for key, value in pairs.items())
    return tuple(predicate for predicate in read if predicate is not None)


def read_predicate(
    field: Words | Patterns | Numbers, node: Node, report: Report
) -> Predicate | None:
    """The condition that `field` must satisfy."""
    if isinstance(field, Numbers):
        return _between(field, node, report)
    words = read_words(node, field.key, report)
    if words is None:
        return None
    texts = tuple(str(word.value) for word in words)
    if isinstance(field, Patterns):
        return Like(field, texts)
    for word, text in zip(words, texts, strict=True):
        if field.known is not None and text not in field.known:
            report(unknown_word(word.at, field.key, text, field.known))
    return OneOf(field, texts)


def _between(field: Numbers, node: Node, report: Report) -> Between | None:
    if not isinstance(node.value, dict) or not node.value:
        need = "{min: number}, {max: number} or both"
        report(bad_value(node.at, field.key, need, node.shown()))
        return None
    pairs = read_pairs(node, field.key, ("min", "max"), report) or {}
    ends = {key: read_number(value, key, report) for key, value in pairs.items()}
    low, high = ends.get("min"), ends.get("max")
    if low is not None and high is not None and low > high:
        report(bad_value(node.at, field.key, "min <= max", f"min {low:g}, max {high:g}"))
    return Between(
        field, -float("inf") if low is None else low, float("inf") if high is None else high
    )
