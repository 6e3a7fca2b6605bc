"""Names of records: short where they can be, never shared."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.check.named import names, read_records
from q4compile.errors import DataError
from q4compile.report.record import write_record

NAMED = [
    (["out/model.q4.onnx.record.json"], ["model.q4.onnx"]),
    (["results/ptq.json", "plain"], ["ptq", "plain"]),
    (["a/x.record.json", "b/x.record.json", "b/y.record.json"], ["a/x", "b/x", "y"]),
    (["p/a/x.json", "q/a/x.json"], ["p/a/x", "q/a/x"]),
    (["p/a/x.json", "p/b/x.json"], ["a/x", "b/x"]),
    (["x.record.json", "a/x.record.json"], ["x", "a/x"]),
    (["x.json", "x.record.json", "a/y.json"], ["x.json", "x.record.json", "a/y.json"]),
    (["a/x.json", "a/x.json"], ["x"]),
]


@pytest.mark.parametrize(("paths", "expected"), NAMED, ids=lambda value: " ".join(value))
def test_names(paths, expected):
    assert list(names([Path(path) for path in paths])) == expected


PARTS = st.sampled_from(["a", "b", "x.json", "x.record.json", "x"])


@given(
    st.lists(st.lists(PARTS, min_size=1, max_size=3).map(lambda parts: Path(*parts)), max_size=5)
)
def test_no_record_is_lost(paths):
    assert set(names(paths).values()) == set(paths)


def test_the_findings_of_all_broken_records_come_at_once(tmp_path, record_of):
    good, bad, worse = (tmp_path / f"{name}.record.json" for name in ("good", "bad", "worse"))
    write_record(record_of("eval", wer_percent=1), good)
    bad.write_text("{")
    assert list(read_records([good])) == ["good"]
    with pytest.raises(DataError) as caught:
        read_records([bad, good, worse])
    assert [finding.at for finding in caught.value.findings] == [f"{bad}:1", f"{worse}"]
