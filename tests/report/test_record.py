"""Records: the round trip, and every way a record file can be broken."""

import dataclasses
import json
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.errors import DataError, OutputError
from q4compile.report import json_file
from q4compile.report.figures import is_number, plain
from q4compile.report.provenance import commit_of, machine_description
from q4compile.report.record import (
    Record,
    benchmark_record,
    new_record,
    read_record,
    record_path,
    write_record,
)

WHOLE = {
    "schema_version": 1,
    "command": "quantize",
    "tool_version": "0.1.0",
    "created": "2026-01-31T12:00:00Z",
    "inputs": {"model.onnx": "00" * 32},
    "figures": {"compression_ratio": 7.9},
    "details": {},
}
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=9), st.floats(allow_nan=False, allow_infinity=False)
    ),
    st.dictionaries(st.text(max_size=5), JSON, max_size=3),
)
def test_what_is_written_is_read(tmp_path_factory, figures, details):
    path = tmp_path_factory.getbasetemp() / "any.record.json"
    record = Record("eval", "0.1.0", "2026-01-31T12:00:00Z", {}, figures, details)
    write_record(record, path)
    assert read_record(path) == record


def test_a_new_record_hashes_its_inputs_and_unwraps_numpy(tmp_path):
    model = tmp_path / "model.onnx"
    model.write_bytes(b"abc")
    figures = {"bytes": np.int64(3), "ratio": np.float32(0.5), "share": 1}
    record = new_record("quantize", [model], figures)
    assert record.inputs == {
        str(model): "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    }
    assert record.figures == {"bytes": 3, "ratio": 0.5, "share": 1}
    assert [type(value) for value in record.figures.values()] == [int, float, int]
    write_record(record, record_path(model))
    assert read_record(tmp_path / "model.onnx.record.json") == record


def test_the_hash_of_a_folder_follows_names_and_contents(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "a").write_bytes(b"1")
    hashes = [_folder_hash(folder)]
    (folder / "a").write_bytes(b"2")
    hashes.append(_folder_hash(folder))
    (folder / "a").rename(folder / "b")
    hashes.append(_folder_hash(folder))
    (folder / "b").rename(folder / "a")
    assert len(set(hashes)) == 3
    assert _folder_hash(folder) == hashes[1]


def test_the_hash_of_a_folder_does_not_depend_on_the_order_of_creation(tmp_path):
    for folder, order in (("up", range(40)), ("down", reversed(range(40)))):
        (tmp_path / folder).mkdir()
        for number in order:
            (tmp_path / folder / f"{number}").write_bytes(b"x")
    assert _folder_hash(tmp_path / "up") == _folder_hash(tmp_path / "down")


def _folder_hash(folder):
    (digest,) = new_record("inspect", [folder], {}).inputs.values()
    return digest


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), np.float32("nan")], ids=str)
def test_a_command_cannot_record_a_figure_that_is_no_number(bad):
    with pytest.raises(ValueError, match="figure 'wer_percent' is"):
        plain({"wer_percent": bad})


@given(NUMBERS)
def test_a_number_is_a_figure_if_it_fits_a_float(value):
    assert is_number(value) == (abs(value) < 2**1024)


@pytest.mark.parametrize("value", [True, None, "1", [1], {}, float("nan"), float("-inf"), 10**400])
def test_other_things_are_no_figures(value):
    assert not is_number(value)


BROKEN = {
    "Q561-record-missing": None,
    "Q561-record-truncated": json.dumps(WHOLE, indent=2)[:120],
    "Q561-record-empty": "",
    "Q561-record-not-utf8": b'{"command": "\xff"}',
    "Q561-record-half-a-character": '{"command": "\\udc00"}',
    "Q561-record-is-a-list": "[1, 2]",
    "Q561-record-nested-too-deeply": "[" * 100_000,
    "Q561-record-duplicate-key": '{"schema_version": 1, "schema_version": 2}',
    "Q562-record-of-another-version": WHOLE | {"schema_version": 2},
    "Q562-record-version-no-number": WHOLE | {"schema_version": True},
    "Q562-record-without-version": {"figures": {}},
    "Q563-record-keys": {key: WHOLE[key] for key in WHOLE if key != "command"} | {"figure": {}},
    "Q563-record-types": WHOLE | {"figures": [7.9], "machine": 3},
    "Q564-record-figures": WHOLE
    | {"figures": {"a": float("nan"), "b": "7.9", "c": True, "d": 1, "e": 10**400 // 9}},
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_record_is_refused(tmp_path, golden, name):
    path = tmp_path / "any.record.json"
    content = BROKEN[name]
    if content is not None:
        text = content if isinstance(content, str | bytes) else json.dumps(content)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(DataError) as caught:
        read_record(path)
    text = str(caught.value)
    assert f"[{name[:4]}]" in text
    golden(f"errors/{name}.txt", text, record=path)


def test_a_file_too_large_for_a_record_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "any.record.json"
    path.write_text(json.dumps(WHOLE))
    monkeypatch.setattr(json_file, "MAX_BYTES", 100)
    with pytest.raises(DataError, match="more than 100 bytes"):
        read_record(path)


def test_an_unwritable_place_is_refused_and_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_record(new_record("eval", [], {}), tmp_path / "file" / "any.record.json")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_details_that_are_not_json_leave_the_old_record(tmp_path):
    path = tmp_path / "any.record.json"
    write_record(new_record("eval", [], {"a": 1}), path)
    before = path.read_bytes()
    record = dataclasses.replace(read_record(path), details={"nan": float("nan")})
    with pytest.raises(ValueError, match="JSON compliant"):
        write_record(record, path)
    assert path.read_bytes() == before


def test_a_benchmark_record_names_inputs_from_the_repository(tmp_path):
    inside, outside = tmp_path / "repository" / "data" / "a.bin", tmp_path / "b.bin"
    inside.parent.mkdir(parents=True)
    for path in (inside, outside):
        path.write_bytes(b"1")
    record = new_record("benchmark", [inside, outside], {"seconds": 1.5})
    assert set(benchmark_record(record, tmp_path / "repository").inputs) == {"data/a.bin", "b.bin"}


def test_a_benchmark_record_names_the_machine_and_the_commit(tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    assert commit_of(tmp_path / "nowhere") is None
    subprocess.run([*git, "init", "-q"], check=True)
    (tmp_path / "file").write_text("1")
    subprocess.run([*git, "add", "file"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "one"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    record = benchmark_record(new_record("benchmark", [], {"seconds": 1.5}), tmp_path)
    assert record.commit == head.stdout.strip()
    assert record.machine == machine_description()
    (tmp_path / "file").write_text("2")
    assert commit_of(tmp_path) == f"{record.commit}-dirty"
    path = tmp_path / "benchmark.json"
    write_record(record, path)
    assert read_record(path) == record
