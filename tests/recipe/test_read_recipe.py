"""Everything a recipe can say, and every mistake in one with its golden text."""

from pathlib import Path

import pytest

from q4compile.errors import RecipeError
from q4compile.numerics.formats import FORMATS
from q4compile.recipe.granularity import PER_TENSOR, Granularity
from q4compile.recipe.predicates import KEYS, Between, Like, OneOf
from q4compile.recipe.read_recipe import load_recipe
from q4compile.recipe.scheme import Scheme
from q4compile.yaml_lines import MAX_BYTES, MAX_DEPTH

HEAD = "version: 1\nrules:\n"


def load(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return load_recipe(path)


def schemes(tmp_path, *texts):
    """The schemes of one rule each."""
    rows = [
        f"  - {{match: {{name: tensor{number}}}, scheme: {text}}}\n"
        for number, text in enumerate(texts)
    ]
    return [rule.scheme for rule in load(tmp_path, HEAD + "".join(rows)).rules]


def test_a_short_recipe_and_its_defaults(tmp_path):
    recipe = load(tmp_path, HEAD + "  - {match: {}, scheme: {format: int8}}\n")
    (rule,) = recipe.rules
    assert (recipe.name, rule.name, rule.why, rule.match) == ("mine", "rule 1", "", ())
    assert rule.scheme == Scheme(FORMATS["int8"], PER_TENSOR, "minmax")
    assert rule.at == f"{tmp_path}/mine.yaml:3"
    assert not recipe.needs_measured


def test_every_scheme_key(tmp_path):
    assert schemes(
        tmp_path,
        "{format: fp32}",
        "{format: int4, granularity: per_group(32), range: sawb}",
        "{format: int8, symmetric: false, range: percentile, percentile: 99.9}",
        "{format: uint8, symmetric: false, range: percentile}",
        "{format: int4, range: fixed, clip: 0.5}",
        "{format: uint4, range: fixed, clip: 6}",
        "{format: uint8, symmetric: false, range: fixed, clip: [-1, 3]}",
    ) == [
        Scheme(FORMATS["fp32"]),
        Scheme(FORMATS["int4"], Granularity("per_group", 32), "sawb"),
        Scheme(FORMATS["int8"], range="percentile", symmetric=False, percentile=99.9),
        Scheme(FORMATS["uint8"], range="percentile", symmetric=False, percentile=99.99),
        Scheme(FORMATS["int4"], range="fixed", clip=(-0.5, 0.5)),
        Scheme(FORMATS["uint4"], range="fixed", clip=(0.0, 6.0)),
        Scheme(FORMATS["uint8"], range="fixed", symmetric=False, clip=(-1.0, 3.0)),
    ]


def test_every_match_key(tmp_path):
    words = {"bounded_by": "tanh", "position": "[first, last]", "role": "[hidden]"}
    interval = dict.fromkeys(
        ("kurtosis", "max_abs", "outlier_share", "size", "skew"), "{min: 2, max: 3.5}"
    )
    texts = [f"{field.key}: {(words | interval).get(field.key, 'x')}" for field in KEYS]
    text = f"  - {{match: {{{', '.join(texts)}}}, scheme: {{format: fp16}}}}\n"
    recipe = load(tmp_path, HEAD + text)
    assert recipe.needs_measured
    for field, predicate in zip(KEYS, recipe.rules[0].match, strict=True):
        assert predicate.key == field.key
        if isinstance(predicate, Between):
            assert (predicate.low, predicate.high) == (2.0, 3.5)
        elif isinstance(predicate, Like):
            assert predicate.patterns == ("x",)
        else:
            assert isinstance(predicate, OneOf)
            expected = words.get(field.key, "x").strip("[]").split(", ")
            assert predicate.wanted == tuple(expected)


def test_half_open_intervals(tmp_path):
    text = "  - {match: {size: {min: 10}, skew: {max: 1}}, scheme: {format: fp16}}\n"
    size, skew = load(tmp_path, HEAD + text).rules[0].match
    assert (size.low, size.high) == (10.0, float("inf"))
    assert (skew.low, skew.high) == (-float("inf"), 1.0)


def one(match="{}", scheme="{format: int4}"):
    return f"{HEAD}  - name: only\n    match: {match}\n    scheme: {scheme}\n"


MISTAKES = {
    "Q201-not-yaml": "version: 1\nrules: [unclosed\n",
    "Q201-empty": "",
    "Q201-a-list": "- version: 1\n",
    "Q201-no-version-no-rules": "name: mine\n",
    "Q201-version-of-the-future": "version: 2\nrules:\n  - {match: {}, scheme: {format: fp16}}\n",
    "Q201-no-rules-inside": "version: 1\nrules: []\n",
    "Q201-rules-not-a-list": "version: 1\nrules: {match: {}}\n",
    "Q201-rule-without-keys": HEAD + "  - {name: nothing}\n",
    "Q201-scheme-without-format": one(scheme="{range: mse}"),
    "Q201-duplicate-key": "version: 1\nversion: 1\nrules: []\n",
    "Q202-unknown-keys": "version: 1\nrule: []\nrules:\n"
    "  - {match: {rol: weight}, scheme: {format: int4, granularty: per_channel}, reason: none}\n",
    "Q204-unknown-words": HEAD
    + "  - {match: {role: wieght, position: begin, bounded_by: tan}, scheme: {format: int5}}\n"
    + "  - {match: {op: LSTM}, scheme: {format: int4, granularity: per_chanel, range: msee}}\n",
    "Q204-values-of-the-wrong-kind": HEAD
    + "  - {match: {op: 3, role: [], size: 1024}, scheme: {format: [int4]}}\n"
    + "  - {match: {size: {min: many}}, scheme: {format: int4, symmetric: maybe}}\n"
    + "  - {match: weight, scheme: int4}\n"
    + "  - {match: {skew: {min: 2, max: 1}}, scheme: {format: int4, range: fixed, clip: [1]}}\n"
    + "  - nothing\n",
    "Q204-group-of-nothing": one(scheme="{format: int4, granularity: per_group(0)}"),
    "Q205-catch-all-first": HEAD
    + "  - {name: rest, match: {}, scheme: {format: fp16}}\n"
    + "  - {name: weights, match: {role: weight}, scheme: {format: int4}}\n",
    "Q205-wider-rule-first": HEAD
    + "  - {match: {role: [weight, recurrent_weight], op: LSTM}, scheme: {format: int4}}\n"
    + "  - {match: {role: weight, op: LSTM, name: enc.*}, scheme: {format: int8}}\n",
    "Q206-tag": one(scheme="!!python/object/apply:os.system ['true']"),
    "Q206-bomb": "version: 1\nname: &a [x, x]\nb: &b [*a, *a]\nrules: [*b, *b]\n",
    "Q206-too-large": "#" + "x" * MAX_BYTES,
    "Q206-too-deep": "version: 1\nrules: " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
    "Q211-parts-that-do-not-fit": HEAD
    + "  - {match: {op: A}, scheme: {format: fp16, range: mse, granularity: per_channel}}\n"
    + "  - {match: {op: B}, scheme: {format: int4, range: sawb, symmetric: false}}\n"
    + "  - {match: {op: C}, scheme: {format: int16, range: sawb}}\n"
    + "  - {match: {op: D}, scheme: {format: int4, range: fixed}}\n"
    + "  - {match: {op: E}, scheme: {format: int4, range: mse, clip: 1.0, percentile: 99}}\n"
    + "  - {match: {op: F}, scheme: {format: int4, range: percentile, percentile: 0.999}}\n"
    + "  - {match: {op: G}, scheme: {format: int4, range: fixed, clip: [-1, 2]}}\n"
    + "  - {match: {op: H}, scheme: {format: int8, range: fixed, clip: -1}}\n",
    "Q212-same-name": HEAD
    + "  - {name: rest, match: {role: bias}, scheme: {format: fp16}}\n"
    + "  - {name: rest, match: {role: cell}, scheme: {format: fp32}}\n",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name, tmp_path, golden):
    with pytest.raises(RecipeError) as caught:
        load(tmp_path, MISTAKES[name])
    assert {finding.code for finding in caught.value.findings} == {name[:4]}
    golden(f"errors/{name}.txt", str(caught.value), folder=tmp_path)


def test_mistakes_of_all_kinds_are_reported_together(tmp_path):
    text = HEAD.replace("1", "7") + "  - {match: {rol: x}, scheme: {format: int5}, wy: no}\n"
    with pytest.raises(RecipeError) as caught:
        load(tmp_path, text)
    assert [finding.code for finding in caught.value.findings] == ["Q201", "Q202", "Q202", "Q204"]


@pytest.mark.parametrize("value", [".nan", ".inf", "true", "1e999", "[]", "{}", "''"])
def test_numbers_are_finite_numbers(value, tmp_path):
    with pytest.raises(RecipeError, match=r"Q2(04|11)"):
        schemes(tmp_path, f"{{format: int4, range: fixed, clip: {value}}}")


def test_a_name_nobody_has(golden):
    with pytest.raises(RecipeError) as caught:
        load_recipe("rntt.yaml")
    golden("errors/Q210-no-such-recipe.txt", str(caught.value))


def test_a_folder_is_no_recipe(tmp_path):
    with pytest.raises(RecipeError, match="Q210"):
        load_recipe(tmp_path)


def test_a_file_comes_before_a_shipped_recipe_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(load_recipe("rnnt").rules) > 1
    Path("rnnt").write_text(one("{}"), encoding="utf-8")
    assert [rule.name for rule in load_recipe("rnnt").rules] == ["only"]
