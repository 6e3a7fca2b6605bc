"""The one YAML loader: values, lines, and everything it refuses."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from q4compile.errors import RecipeError
from q4compile.yaml_lines import MAX_BYTES, MAX_DEPTH, MAX_FINDINGS, Codes, load_yaml, resolve

CODES = Codes(unreadable="Q901", duplicate="Q902", forbidden="Q903")


def load(tmp_path, text):
    path = tmp_path / "file.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return load_yaml(path, RecipeError, CODES)


def refused(tmp_path, text):
    """(code, line or None, got) of every finding."""
    with pytest.raises(RecipeError) as caught:
        load(tmp_path, text)
    findings = caught.value.findings
    return [
        (f.code, f.at.removeprefix(f"{tmp_path}/file.yaml").lstrip(":"), f.got) for f in findings
    ]


def test_every_value_and_key_knows_its_line(tmp_path):
    root = load(tmp_path, "a: 1\nb:\n  - x\n  - {y: 2}\n")
    assert root.plain() == {"a": 1, "b": ["x", {"y": 2}]}
    assert root.key_lines == {"a": 1, "b": 2}
    assert [item.line for item in root.value["b"].value] == [3, 4]
    assert root.key_at("b") == f"{tmp_path}/file.yaml:2"
    assert root.value["b"].at == f"{tmp_path}/file.yaml:3"


SCALARS = {
    "1": 1,
    "-7": -7,
    "1e-3": 0.001,
    ".5": 0.5,
    "1.": 1.0,
    "true": True,
    "False": False,
    "null": None,
    "~": None,
    "no": "no",
    "on": "on",
    "1:30": "1:30",
    "0x10": "0x10",
    "1_000": "1_000",
    "per_group(32)": "per_group(32)",
    "9" * 5000: float("inf"),
    "-.inf": float("-inf"),
}


@pytest.mark.parametrize("text", SCALARS, ids=lambda text: text[:12])
def test_scalars_follow_yaml_1_2(text):
    assert resolve(text) == SCALARS[text]
    assert type(resolve(text)) is type(SCALARS[text])


def test_nan_is_a_number_that_the_caller_must_refuse():
    assert resolve(".nan") != resolve(".nan")


def test_quoted_numbers_are_text(tmp_path):
    assert load(tmp_path, "a: '1'\nb: \"true\"\nc: |\n  2\n").plain() == {
        "a": "1",
        "b": "true",
        "c": "2\n",
    }


REFUSED = {
    "alias": ("a: 1\nb: *x\n", [("Q903", "2", "*x")]),
    "anchor": ("a: &x 1\n", [("Q903", "1", "&x")]),
    "anchor of a list": ("a: &x [1]\n", [("Q903", "1", "&x")]),
    "bomb": (
        "a: &x [1]\nb: [*x, *x]\n",
        [("Q903", line, got) for line, got in [("1", "&x"), ("2", "*x"), ("2", "*x")]],
    ),
    "python tag": (
        "a: !!python/object:os.system x\n",
        [("Q903", "1", "!!python/object:os.system")],
    ),
    "harmless tag": ("\na: !!str 1\n", [("Q903", "2", "!!str")]),
    "lone tag": ("a: ! 1\n", [("Q903", "1", "!")]),
    "duplicate": ("a: 1\nb: 2\na: 3\n", [("Q902", "3", "'a'")]),
    "duplicate in flow": ("x: {a: 1, a: 1}\n", [("Q902", "1", "'a'")]),
    "deep": ("[" * 1000, [("Q903", "1", f"level {MAX_DEPTH + 1}")]),
    "large": (b"#" * (MAX_BYTES + 1), [("Q903", "", f"more than {MAX_BYTES} bytes")]),
    "not UTF-8": (b"a: \xff\n", [("Q901", "", "byte 0xff at offset 3")]),
    "syntax": ("a: 1\nb: c: d\n", [("Q901", "2", "mapping values are not allowed here")]),
    "tab": ("a:\n\t- 1\n", [("Q901", "2", "found character '\\t' that cannot start any token")]),
    "control character": ("a: \x01\n", [("Q901", "", "special characters are not allowed")]),
    "half a character": ('a: "\\ud800"\n', [("Q901", "1", "half of a surrogate pair")]),
    "list as key": ("? [1]\n: 2\n", [("Q901", "1", "a list as a key")]),
    "two documents": ("a: 1\n---\nb: 2\n", [("Q901", "2", "a second one")]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_its_line(tmp_path, name):
    text, expected = REFUSED[name]
    assert refused(tmp_path, text) == expected


def test_a_missing_file_and_a_folder_are_findings(tmp_path):
    for path, got in [
        (tmp_path / "none", "No such file or directory"),
        (tmp_path, "Is a directory"),
    ]:
        with pytest.raises(RecipeError) as caught:
            load_yaml(path, RecipeError, CODES)
        assert [f.got for f in caught.value.findings] == [got]


def test_nesting_up_to_the_limit_is_read(tmp_path):
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert str(load(tmp_path, text).plain()) == text


def test_findings_before_a_syntax_error_are_kept(tmp_path):
    assert [code for code, *_ in refused(tmp_path, "a: 1\na: 2\nb: [\n")] == ["Q902", "Q901"]


def test_a_file_full_of_mistakes_stops_early(tmp_path):
    assert len(refused(tmp_path, "- *x\n" * 10_000)) == MAX_FINDINGS


def test_an_empty_file_is_nothing(tmp_path):
    root = load(tmp_path, "# only a comment\n")
    assert root.value is None
    assert root.shown() == "nothing"


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=10,
)


@given(TREES)
def test_reads_what_a_json_writer_writes(tmp_path_factory, tree):
    folder = tmp_path_factory.getbasetemp()
    assert load(folder, json.dumps(tree, indent=1)).plain() == tree


@given(TREES)
def test_reads_what_pyyaml_writes_quoted(tmp_path_factory, tree):
    """Every text is quoted, so that no word is a number to one and a text to the other."""
    folder = tmp_path_factory.getbasetemp()
    quoted = yaml.safe_dump({"tree": _words(tree)}, default_style='"', allow_unicode=True)
    assert load(folder, quoted).plain() == {"tree": _words(tree)}


def _words(tree):
    """`tree` with every scalar as text, so that no tag is needed to write it quoted."""
    if isinstance(tree, dict):
        return {key: _words(value) for key, value in tree.items()}
    return [_words(item) for item in tree] if isinstance(tree, list) else str(tree)
