"""The Q2xx errors, each with the one place that words it.

Q201 not YAML, or not a recipe     Q205 a rule hidden by an earlier one   Q210 no such recipe
Q202 unknown key                   Q206 tag, anchor or alias              Q211 parameter of no use
Q203 scheme does not suit a tensor Q208 no rule matches a tensor          Q212 two rules of one name
Q204 unknown word, or a bad value  Q209 rule never matched

Q213, constants that no rule is asked about, is worded by `quantize.leftover`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from q4compile.errors import Finding, near
from q4compile.recipe.scheme import Refusal
from q4compile.recipe.subject import Subject
from q4compile.yaml_lines import Codes

YAML_CODES = Codes(unreadable="Q201", duplicate="Q201", forbidden="Q206")


def not_a_recipe(at: str, need: str, got: str, fix: str | None = None) -> Finding:
    """Q201: what stands there cannot be a recipe."""
    return Finding("Q201", "the file is not a recipe", at, need, got, fix)


def missing_key(at: str, what: str, key: str, present: Iterable[str]) -> Finding:
    """Q201: `what` lacks a key it must have."""
    got = f"only {', '.join(present)}" if present else "no keys"
    return Finding("Q201", f"{what} without {key}", at, f"a key {key}", got)


def unknown_key(at: str, what: str, key: str, known: Sequence[str]) -> Finding:
    """Q202: `what` has no such key."""
    need = f"one of {', '.join(known)}"
    return Finding("Q202", f"unknown key in {what}", at, need, f"{key!r}", near(key, known))


def refused(subject: Subject, refusal: Refusal, rule_at: str) -> Finding:
    """Q203: the scheme that a rule gives this tensor does not suit it."""
    fix = f"{refusal.fix} ({rule_at})"
    return Finding("Q203", refusal.title, subject.place, refusal.need, refusal.got, fix)


def unknown_word(at: str, what: str, word: str, known: Sequence[str]) -> Finding:
    """Q204: no such format, granularity, range setter, role, position or bound."""
    need = f"one of {', '.join(known)}"
    return Finding("Q204", f"unknown {what}", at, need, f"{word!r}", near(word, known))


def bad_value(at: str, key: str, need: str, got: str) -> Finding:
    """Q204: the key is right, its value is of the wrong kind."""
    return Finding("Q204", f"{key} has a value it cannot have", at, need, got)


def hidden_rule(name: str, at: str, earlier: str, earlier_at: str) -> Finding:
    """Q205: every tensor that the rule would match is taken before."""
    return Finding(
        "Q205",
        "a rule that can never match",
        f"rule {name!r} ({at})",
        "the first match wins: no earlier rule may match all that this one does",
        f"rule {earlier!r} ({earlier_at}) does",
        "move the narrower rule up, or remove it",
    )


def unmatched(subject: Subject, declined: Iterable[str], file: str) -> Finding:
    """Q208: no rule matches this tensor, and nothing is left unquantized in silence."""
    return Finding(
        "Q208",
        "no rule matches a tensor",
        subject.place,
        f"a rule in {file} that matches it",
        "\n".join(declined) or "no rules",
        "end the recipe with {name: rest, match: {}, scheme: {format: fp16}}",
    )


def unused_rule(name: str, at: str, tensors: int, reasons: Counter[str]) -> Finding:
    """Q209: no tensor of the model fell to this rule; the commonest reasons say why."""
    declined = sum(reasons.values())
    rows = [f"none of {tensors}: {tensors - declined} taken by earlier rules, {declined} declined"]
    rows += [f"{count} x {reason}" for reason, count in reasons.most_common(3)]
    return Finding(
        "Q209",
        "a rule matched no tensor",
        f"rule {name!r} ({at})",
        "at least one tensor of the model",
        "\n".join(rows),
        "correct its match, or remove the rule",
    )


def no_such_recipe(name: str, shipped: Sequence[str]) -> Finding:
    """Q210: neither a file nor a shipped name."""
    need = f"a file, or one of the recipes that come along: {', '.join(shipped)}"
    fix = near(name.removesuffix(".yaml"), shipped)
    return Finding("Q210", "no such recipe", name, need, "neither", fix)


def misfit(at: str, need: str, got: str) -> Finding:
    """Q211: the parts of a scheme do not fit together."""
    return Finding("Q211", "the parts of a scheme do not fit together", at, need, got)


def same_name(at: str, name: str, first_at: str) -> Finding:
    """Q212: reports name rules, so a name must tell which."""
    need = "a name of its own for each rule"
    got = f"{name!r}, the name of the rule at {first_at}"
    return Finding("Q212", "two rules have one name", at, need, got)
