"""A recipe: rules in order, the first that matches a tensor decides its scheme."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from q4compile.errors import Finding
from q4compile.recipe.findings import hidden_rule, unused_rule
from q4compile.recipe.predicates import Between, Predicate
from q4compile.recipe.scheme import Scheme
from q4compile.recipe.subject import Subject


@dataclass(frozen=True)
class Rule:
    """``all(match) → scheme``; an empty match takes everything."""

    name: str
    match: tuple[Predicate, ...]
    scheme: Scheme
    why: str
    """The author's reason, or nothing."""
    at: str
    """``rnnt.yaml:12``: where the rule begins."""

    def declines(self, subject: Subject) -> str | None:
        """The first condition that fails, in words; None when all hold."""
        reasons = (predicate.declines(subject) for predicate in self.match)
        return next((reason for reason in reasons if reason is not None), None)

    def hides(self, later: "Rule") -> bool:
        """Whether this takes every tensor that `later` would: each of its conditions is implied."""
        return all(any(_implied(mine, its) for its in later.match) for mine in self.match)


@dataclass(frozen=True)
class Decision:
    """The rule that took a tensor (None: no rule did), and why those before it did not."""

    rule: Rule | None
    declined: tuple[tuple[Rule, str], ...]


@dataclass(frozen=True)
class Recipe:
    """What `load_recipe` makes of a file."""

    name: str
    file: Path
    rules: tuple[Rule, ...]

    @property
    def needs_measured(self) -> bool:
        """Whether a rule looks at statistics, so that tensors must be measured before `decide`."""
        predicates = (predicate for rule in self.rules for predicate in rule.match)
        return any(isinstance(each, Between) and each.field.measured for each in predicates)

    def decide(self, subject: Subject) -> Decision:
        """The first rule that matches `subject`, with the reasons of those before it."""
        declined: list[tuple[Rule, str]] = []
        for rule in self.rules:
            reason = rule.declines(subject)
            if reason is None:
                return Decision(rule, tuple(declined))
            declined.append((rule, reason))
        return Decision(None, tuple(declined))

    def unused(self, decisions: Iterable[Decision]) -> list[Finding]:
        """Q209 for every rule that took no tensor: a warning, an error under ``--strict``."""
        taken: set[str] = set()
        reasons: dict[str, Counter[str]] = {rule.name: Counter() for rule in self.rules}
        count = 0
        for decision in decisions:
            count += 1
            if decision.rule is not None:
                taken.add(decision.rule.name)
            for rule, reason in decision.declined:
                reasons[rule.name][reason] += 1
        idle = (rule for rule in self.rules if rule.name not in taken)
        return [unused_rule(rule.name, rule.at, count, reasons[rule.name]) for rule in idle]

    def hidden(self) -> list[Finding]:
        """Q205 for every rule that an earlier one keeps from ever matching."""
        found = []
        for index, rule in enumerate(self.rules):
            earlier = next((each for each in self.rules[:index] if each.hides(rule)), None)
            if earlier is not None:
                found.append(hidden_rule(rule.name, rule.at, earlier.name, earlier.at))
        return found


def _implied(mine: Predicate, its: Predicate) -> bool:
    return mine.key == its.key and mine.covers(its)
