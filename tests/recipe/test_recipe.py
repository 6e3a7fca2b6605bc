from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from q4compile.numerics.formats import FORMATS
from q4compile.recipe.findings import refused, unmatched
from q4compile.recipe.granularity import Granularity
from q4compile.recipe.predicates import KEYS, OneOf
from q4compile.recipe.recipe import Recipe, Rule
from q4compile.recipe.scheme import Scheme
from q4compile.recipe.subject import Subject

FIELD = {field.key: field for field in KEYS}
ROLES, OPS = ("weight", "input", "bias"), ("LSTM", "Gemm")


def rule(name, line=1, **match):
    predicates = tuple(OneOf(FIELD[key], tuple(words)) for key, words in match.items())
    return Rule(name, predicates, Scheme(FORMATS["fp16"]), "", f"mine.yaml:{line}")


def recipe(*rules):
    return Recipe("mine", Path("mine.yaml"), rules)


def tensor(role, op):
    return Subject("joint", "joint/out", op, role, f"{op}.{role}", (256, 46))


EVERY = [tensor(role, op) for role in ROLES for op in OPS]
LSTM_WEIGHTS = rule("LSTM weights", 3, role=["weight"], op=["LSTM"])
INPUTS = rule("inputs", 6, role=["input"])
REST = rule("rest", 9)


def test_the_first_match_decides_and_those_before_say_why_not():
    decision = recipe(LSTM_WEIGHTS, INPUTS, REST).decide(tensor("weight", "Gemm"))
    assert decision.rule is REST
    assert decision.declined == (
        (LSTM_WEIGHTS, "op is Gemm, not LSTM"),
        (INPUTS, "role is weight, not input"),
    )


def test_no_match():
    decision = recipe(LSTM_WEIGHTS).decide(tensor("bias", "LSTM"))
    assert decision.rule is None
    assert decision.declined == ((LSTM_WEIGHTS, "role is bias, not weight"),)


def test_an_unmatched_tensor_in_words(golden):
    subject = tensor("bias", "LSTM")
    declined = recipe(LSTM_WEIGHTS, INPUTS).decide(subject).declined
    reasons = [f"{each.name} ({each.at}): {reason}" for each, reason in declined]
    golden("errors/Q208-unmatched.txt", unmatched(subject, reasons, "mine.yaml").render())


def test_rules_that_took_nothing(golden):
    mine = recipe(LSTM_WEIGHTS, INPUTS, rule("GRU", 12, op=["GRU"], role=["weight"]), REST)
    findings = mine.unused(mine.decide(each) for each in EVERY)
    assert [finding.code for finding in findings] == ["Q209"]
    golden("errors/Q209-unused-rule.txt", findings[0].render("warning"))


def test_every_rule_is_unused_without_tensors():
    assert len(recipe(LSTM_WEIGHTS, REST).unused([])) == 2


def test_a_refused_scheme_in_words(golden):
    subject = tensor("weight", "Gemm")
    scheme = Scheme(FORMATS["int4"], Granularity("per_group", 48), "sawb")
    refusal = scheme.refuses(subject.shape, subject.role, reduction_axis=0)
    assert refusal is not None
    golden("errors/Q203-group-size.txt", refused(subject, refusal, "mine.yaml:12").render())


matches = st.fixed_dictionaries(
    {},
    optional={
        "role": st.lists(st.sampled_from(ROLES), min_size=1, max_size=3),
        "op": st.lists(st.sampled_from(OPS), min_size=1, max_size=2),
    },
)


@given(st.lists(matches, min_size=1, max_size=5))
def test_a_hidden_rule_never_decides(rows):
    rules = [rule(f"rule {number}", number, **match) for number, match in enumerate(rows)]
    mine = recipe(*rules)
    hidden = {finding.at for finding in mine.hidden()}
    deciding = {mine.decide(each).rule for each in EVERY}
    for each in rules:
        assert not (f"rule {each.name!r} ({each.at})" in hidden and each in deciding)


@given(matches, matches)
def test_of_two_rules_the_second_is_hidden_exactly_when_it_cannot_match(one, other):
    first, second = rule("first", **one), rule("second", **other)
    left = [each for each in EVERY if recipe(first).decide(each).rule is None]
    reachable = any(recipe(second).decide(each).rule is second for each in left)
    covers_all = {key for key, words in one.items() if set(words) == set(vars_of(key))}
    if not covers_all:  # a key that lists all there is cannot be known to from the recipe alone
        assert first.hides(second) == (not reachable)


def vars_of(key):
    return ROLES if key == "role" else OPS
