"""The baseline file: round trip, update, and broken files."""

import json

import pytest

from q4compile.check.baseline import Baseline, read_baseline, write_baseline
from q4compile.errors import DataError, OutputError

WHOLE = {"schema_version": 1, "figures": {"w4a4": {"wer_percent": 11.4}}}


def test_what_is_written_is_read_and_sorted(tmp_path):
    path = tmp_path / "baseline.json"
    baseline = Baseline({"b": {"z": 1, "a": 0.1}, "a": {}})
    write_baseline(baseline, path)
    assert read_baseline(path) == baseline
    assert list(json.loads(path.read_text())["figures"]["b"]) == ["a", "z"]


def test_an_update_replaces_the_given_records_and_keeps_the_others(record_of):
    old = Baseline({"a": {"x": 1, "y": 2}, "b": {"x": 3}})
    new = old.updated({"a": record_of("eval", x=5)})
    assert new.figures == {"a": {"x": 5}, "b": {"x": 3}}
    assert (old.value("a", "x"), new.value("a", "x"), new.value("a", "y")) == (1, 5, None)
    assert new.value("nowhere", "x") is None


BROKEN = {
    "Q561-baseline-truncated": json.dumps(WHOLE)[:30],
    "Q562-baseline-of-another-version": WHOLE | {"schema_version": 9},
    "Q563-baseline-without-figures": {"schema_version": 1},
    "Q563-baseline-record-shape": WHOLE | {"figures": {"w4a4": 11.4}},
    "Q564-baseline-figure": WHOLE | {"figures": {"w4a4": {"wer_percent": None}}},
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_baseline_is_refused(tmp_path, golden, name):
    path = tmp_path / "baseline.json"
    content = BROKEN[name]
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(DataError) as caught:
        read_baseline(path)
    assert f"[{name[:4]}]" in str(caught.value)
    golden(f"errors/{name}.txt", str(caught.value), baseline=path)


def test_an_unwritable_baseline_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_baseline(Baseline(), tmp_path / "file" / "baseline.json")
