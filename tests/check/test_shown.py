"""The four ways to show verdicts: table, JSON, JUnit XML, GitHub annotations."""

import json
from xml.etree import ElementTree

from q4compile.check.annotations import as_annotations
from q4compile.check.baseline import Baseline
from q4compile.check.json_text import as_json_text
from q4compile.check.junit import as_junit
from q4compile.check.table import as_table
from q4compile.check.verdicts import judge


def test_table(verdicts, golden):
    golden("check/table.txt", as_table(verdicts))


def test_table_in_a_narrow_terminal_loses_no_character(verdicts, golden):
    text = as_table(verdicts, width=72)
    assert max(map(len, text.splitlines())) <= 72
    golden("check/table-narrow.txt", text)


def test_colour_only_where_it_is_wanted(verdicts):
    assert "\x1b[" not in as_table(verdicts)
    assert "\x1b[32mpass" in as_table(verdicts, colour=True)


def test_markup_in_names_is_text(gate_of, record_of):
    records = {"[red]x": record_of("eval", **{"[bold]:smile:": 1})}
    text = as_table(judge([gate_of("*", max=2)], records, Baseline()))
    assert "[red]x" in text
    assert "[bold]:smile:" in text


def test_json(verdicts, golden):
    text = as_json_text(verdicts)
    golden("check/verdicts.json", text)
    found = json.loads(text)
    assert found["passed"] is False
    assert sum(found["counts"].values()) == len(found["verdicts"]) == len(verdicts)


def test_json_of_nothing_passes():
    assert json.loads(as_json_text([]))["passed"] is True


def test_junit(verdicts, golden):
    text = as_junit(verdicts)
    golden("check/junit.xml", text)
    root = ElementTree.fromstring(text)
    assert len(root.findall(".//testcase")) == int(root.get("tests")) == len(verdicts)
    assert len(root.findall(".//failure")) == int(root.get("failures")) == 5
    assert len(root.findall(".//skipped")) == int(root.get("skipped")) == 1


def test_junit_survives_characters_that_xml_lacks(gate_of, record_of):
    records = {"a\x00<b>": record_of("eval", **{'"x"\x1b&': 3})}
    root = ElementTree.fromstring(as_junit(judge([gate_of("*", max=2)], records, Baseline())))
    assert root.find(".//testcase").get("classname") == "a?<b>"
    assert root.find(".//testcase").get("name") == '"x"?& <= 2'


def test_annotations(verdicts, golden):
    golden("check/annotations.txt", as_annotations(verdicts))


def test_annotations_stay_on_one_line_each(gate_of, record_of):
    records = {"a": record_of("eval", **{"x,y:z%\n::error::": 3})}
    text = as_annotations(judge([gate_of("*", max=2)], records, Baseline()))
    assert text.count("\n") == 1
    assert "title=Q410 x%2Cy%3Az%25%0A%3A%3Aerror%3A%3A is above its bound::" in text
