import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.numerics.formats import FORMATS
from q4compile.recipe.granularity import KINDS, PER_TENSOR, Granularity
from q4compile.recipe.scheme import Scheme
from q4compile.recipe.setters import SETTERS, setter_named
from q4compile.recipe.subject import CONSTANT_ROLES, ROLES

INT4, FP16 = FORMATS["int4"], FORMATS["fp16"]


def per(kind, size=0):
    return Scheme(INT4, Granularity(kind, size), "mse")


def refusal(scheme, shape, role="weight", **of):
    found = scheme.refuses(shape, role, **of)
    return None if found is None else (found.got, found.fix)


@pytest.mark.parametrize(
    ("scheme", "shape", "of", "expected"),
    [
        (per("per_channel"), (46, 256), {}, None),
        (per("per_group", 32), (46, 256), {}, None),
        (
            per("per_group", 48),
            (46, 256),
            {},
            ("256 % 48 == 16", "granularity per_group(32) or per_group(64) or per_channel"),
        ),
        (per("per_group", 46), (46, 256), {"reduction_axis": 0}, None),
        (per("per_group", 64), (46, 31), {}, ("31 % 64 == 31", "granularity per_channel")),
        (
            per("per_group", 64),
            (46, None),
            {},
            ("its length is dynamic", "granularity per_channel"),
        ),
        (per("per_gate"), (2, 2560, 640), {"gates": 4}, None),
        (per("per_gate"), (46, 256), {}, ("a weight of another node", "granularity per_channel")),
        (per("per_channel"), (46,), {}, ("1", "granularity per_tensor")),
        (per("per_tensor"), (), {}, None),
        (Scheme(FP16), (46,), {}, None),
    ],
)
def test_refuses(scheme, shape, of, expected):
    assert refusal(scheme, shape, **of) == expected


@pytest.mark.parametrize("role", sorted(set(ROLES) - CONSTANT_ROLES))
def test_activations_have_one_scale(role):
    assert refusal(per("per_channel"), (8, 256), role) == (
        "granularity per_channel",
        "granularity per_tensor",
    )
    assert refusal(per("per_tensor"), (8, 256), role) is None


@given(st.integers(1, 512), st.integers(1, 512))
def test_a_group_size_is_refused_exactly_when_it_does_not_divide(features, size):
    found = per("per_group", size).refuses((4, features), "weight")
    assert (found is None) == (features % size == 0)


@given(st.integers(2, 512), st.integers(2, 512))
def test_the_group_sizes_a_refusal_offers_are_not_refused(features, size):
    found = per("per_group", size).refuses((4, features), "weight")
    if found is not None:
        for word in found.fix.removeprefix("granularity ").split(" or "):
            offered = Granularity.parse(word)
            assert Scheme(INT4, offered, "mse").refuses((4, features), "weight") is None


@given(st.sampled_from(KINDS), st.integers(1, 10**9 - 1))
def test_granularity_is_spelled_as_it_is_read(kind, size):
    granularity = Granularity(kind, size if kind == "per_group" else 0)
    assert Granularity.parse(str(granularity)) == granularity


@pytest.mark.parametrize("text", ["", "per_group", "per_group(0)", "per_group(-1)", "per_row"])
def test_no_other_granularity(text):
    assert Granularity.parse(text) is None


@pytest.mark.parametrize(
    ("scheme", "text"),
    [
        (Scheme(FP16), "fp16"),
        (per("per_group", 32), "int4 per_group(32) mse"),
        (Scheme(INT4, PER_TENSOR, "fixed", clip=(-0.5, 0.5)), "int4 per_tensor fixed [-0.5, 0.5]"),
        (
            Scheme(FORMATS["uint8"], PER_TENSOR, "percentile", False, 99.99),
            "uint8 per_tensor percentile 99.99 asymmetric",
        ),
    ],
)
def test_in_words(scheme, text):
    assert str(scheme) == text


def test_setters_are_sorted_and_named_once():
    names = [setter.name for setter in SETTERS]
    assert names == sorted(set(names))
    assert all(setter_named(setter.name) is setter for setter in SETTERS)
