"""The recipes that come along are complete, short, reasoned, and do what their names say."""

import pytest

from q4compile.recipe.read_recipe import load_recipe
from q4compile.recipe.shipped import shipped_recipes
from q4compile.recipe.subject import ROLES, Subject

NAMES = tuple(shipped_recipes())


def tensor(role, component="encoder", position="middle", op="LSTM"):
    shape = (2, 2560, 640) if "weight" in role else (None, 640)
    return Subject(component, "node", op, role, "tensor", shape, frozenset({position}))


def bits(name, role, **of):
    return load_recipe(name).decide(tensor(role, **of)).rule.scheme.format.bits


def test_which_there_are():
    assert NAMES == ("lm", "rnnt", "w2a4", "w3a3", "w3a3-naive", "w4a4-naive", "w4a8", "w8a8")


@pytest.mark.parametrize("name", NAMES)
def test_each_is_short_named_as_its_file_and_reasoned(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert len(recipe.file.read_text(encoding="utf-8").splitlines()) <= 40
    assert all(rule.why for rule in recipe.rules)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("component", ["encoder", "predictor", "model"])
def test_each_decides_every_role_with_a_scheme_that_suits(name, role, component):
    for position in ("first", "middle", "last"):
        subject = tensor(role, component, position)
        rule = load_recipe(name).decide(subject).rule
        assert rule is not None
        assert rule.scheme.refuses(subject.shape, role, gates=4) is None


@pytest.mark.parametrize("role", ["weight", "recurrent_weight", "hidden", "table", "input"])
def test_rnnt_is_4_bits_but_for_the_first_input(role):
    assert bits("rnnt", role) == 4
    assert bits("rnnt", role, component="predictor", position="first") == 4
    first = bits("rnnt", role, position="first")
    assert first == (8 if role == "input" else 4)


@pytest.mark.parametrize("role", ["weight", "recurrent_weight", "hidden", "table", "input"])
def test_lm_is_4_bits_but_for_the_output_layer(role):
    assert bits("lm", role, component="lm") == 4
    last = bits("lm", role, component="source_lm", position="last")
    assert last == (8 if role == "weight" else 4)


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("w")])
def test_names_tell_the_bits(name):
    assert bits(name, "weight") == bits(name, "recurrent_weight") == int(name[1])
    assert bits(name, "hidden") == bits(name, "input") == int(name[3])


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("naive")])
def test_naive_is_min_max_everywhere(name):
    ranges = {rule.scheme.range for rule in load_recipe(name).rules}
    assert ranges == {"minmax", None}
    assert bits(name, "input", position="first") == int(name[3])


@pytest.mark.parametrize("name", NAMES)
def test_with_and_without_suffix(name):
    assert load_recipe(f"{name}.yaml") == load_recipe(name)
