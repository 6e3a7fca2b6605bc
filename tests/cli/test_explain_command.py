"""``q4compile explain``: every tensor, the rule that decided, those that declined."""

import json

import pytest
from running import fail, files, q4compile, succeed

from q4compile.graph.components import components
from q4compile.graph.read import read_model
from q4compile.graph.sites import sites
from q4compile.recipe.read_recipe import load_recipe
from q4compile.recipe.shipped import shipped_recipes
from q4compile.report.record import read_record

MEASURED = """
version: 1
name: by-size
rules:
  - {name: small values, match: {max_abs: {max: 0.5}}, scheme: {format: int4}}
  - {name: rest, match: {}, scheme: {format: int8}}
"""


def rows(*arguments):
    return json.loads(succeed("explain", "model.onnx", "--json", *arguments))["tensors"]


@pytest.mark.parametrize("recipe", sorted(shipped_recipes()))
def test_every_tensor_has_its_rule_and_all_before_it_declined(here, recipe):
    model = read_model(here / "model.onnx")
    wanted = [(each.node_name, each.role) for each in sites(model, components(model, "model"))]
    found = rows("--recipe", recipe)
    assert [(row["node"], row["role"]) for row in found] == wanted
    names = [rule.name for rule in load_recipe(recipe).rules]
    for row in found:
        declined = [each["rule"] for each in row["declined"]]
        assert [*declined, row["rule"]] == names[: len(declined) + 1]
        assert all(each["reason"] for each in row["declined"])


def test_it_says_what_quantize_does(here):
    """The same rule, scheme and inheritance without any data as with them."""
    succeed("quantize", "model.onnx", "--calib-limit", "2", "-q")
    planned = read_record(here / "model.q4.onnx.record.json").details["plan"]
    decided = ("node", "role", "rule", "scheme", "inherits")
    assert [[row[key] for key in decided] for row in rows()] == [
        [row[key] for key in decided] for row in planned
    ]


def test_with_data_it_shows_the_ranges(here, corpus):
    without, measured = rows(), rows("--calib", corpus)
    own = [row for row in measured if row["role"] in ("input", "hidden") and not row["inherits"]]
    assert {row["role"] for row in own} == {"input", "hidden"}
    for row in own:
        assert row["scales"] == 1
        assert row["observed"][0] <= row["observed"][1]
    assert [row["observed"] for row in without] == [None] * len(without)


def test_a_recipe_that_measures_listens_to_the_bundled_speech(here):
    (here / "measured.yaml").write_text(MEASURED)
    found = rows("--recipe", "measured.yaml", "--calib-limit", "2")
    assert {row["rule"] for row in found} == {"small values", "rest"}
    features = next(row for row in found if row["role"] == "input")
    assert features["rule"] == "rest"
    assert features["observed"][1] > 0.5


SPOKEN = """
version: 1
name: spoken
rules:
  - {name: features, match: {component: encoder, position: first, role: input},
     scheme: {format: int8, range: percentile}, why: they are unbounded}
  - {name: states, match: {role: hidden}, scheme: {format: int4, range: fixed, clip: 1}}
  - {name: products, match: {role: [input, weight, recurrent_weight, table]},
     scheme: {format: int4}}
  - {name: rest, match: {}, scheme: {format: fp16}}
"""


def test_the_text(here, golden):
    (here / "spoken.yaml").write_text(SPOKEN)
    chosen = ("explain", "model.onnx", "--recipe", "spoken.yaml", "--node", "*[13]/lstm/LSTM")
    result = q4compile(*chosen)
    assert (result.exit_code, result.stderr) == (0, "")
    golden("explain/second-layer.txt", result.stdout)
    succeed(*chosen, "-o", "why.txt")
    assert (here / "why.txt").read_text() == result.stdout


def test_unused_rules_are_warned_of(here):
    result = q4compile("explain", "lm.onnx", "-q")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr.startswith("warning[Q209]")


HALVES = """
version: 1
name: halves
rules:
  - {name: rest, match: {}, scheme: {format: fp16}}
"""


def test_what_is_left_over_is_listed(here, normed, golden):
    (here / "halves.yaml").write_text(HALVES)
    chosen = ("explain", "plain.onnx", "--recipe", "halves.yaml")
    result = q4compile(*chosen)
    assert (result.exit_code, result.stderr[:13]) == (0, "warning[Q213]")
    golden("explain/left-over.txt", result.stdout)
    found = json.loads(succeed(*chosen, "--json"))
    assert [each["tensor"] for each in found["unquantized"]] == ["gamma"]
    assert "gamma" not in succeed(*chosen, "--node", "/layer/*")


def test_mistakes(here, plain, golden):
    (here / "measured.yaml").write_text(MEASURED)
    for name, exit_code, arguments in (
        ("Q117-no-such-node", 3, ["model.onnx", "--node", "/joint/output/MatMull"]),
        ("Q524-explain-by-measures", 3, ["plain.onnx", "--recipe", "measured.yaml"]),
        ("Q002-explain-option", 2, ["model.onnx", "--nodes", "x"]),
    ):
        golden(f"errors/{name}.txt", fail(exit_code, "explain", *arguments))
    assert files(here) == ["lm.onnx", "measured.yaml", "model.onnx", "plain.onnx"]
