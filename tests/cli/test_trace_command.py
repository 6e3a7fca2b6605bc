"""``q4compile trace`` and ``q4compile roofline``: files that viewers open, and pictures."""

import json
import shutil
from itertools import pairwise

import pytest
from running import fail, succeed

SIZES = ("--size", "frames=20,batch=1")
TRACE = ("trace", "model.q4p", "--entry", "encoder", *SIZES)
KEYS = {"X": {"ts", "dur", "tid", "cat", "args"}, "C": {"ts", "args"}, "M": {"tid", "args"}}
"""Phase of an event → what it has beside ph, name and pid (Trace Event Format)."""


@pytest.fixture(scope="module")
def program(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("traced")
    shutil.copy(made / "model.onnx", folder)
    succeed("quantize", folder / "model.onnx", "--calib-limit", "2")
    succeed("lower", folder / "model.q4.onnx", "--target", "rapid1", "-o", folder / "model.q4p")
    return folder / "model.q4p"


@pytest.fixture(autouse=True)
def there(program, tmp_path, monkeypatch):
    shutil.copy(program, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_trace_has_what_viewers_want(there):
    record = json.loads(succeed(*TRACE, "-o", "trace.json", "--json"))
    found = json.loads((there / "trace.json").read_text(encoding="utf-8"))
    for event in found["traceEvents"]:
        assert set(event) == {"ph", "name", "pid", *KEYS[event["ph"]]}
        assert event.get("ts", 0) >= 0 and event.get("dur", 0) >= 0
    words = [each for each in found["traceEvents"] if each["ph"] == "X"]
    assert len(words) == record["figures"]["words_traced"]
    assert {each["args"]["node"] for each in words} > {"/encoder/projection/MatMul"}
    last_us = max(each["ts"] + each["dur"] for each in words)
    assert last_us <= record["figures"]["cycles_total"] / 1.5e3
    tracks = {each["tid"] for each in found["traceEvents"] if each["name"] == "thread_name"}
    assert {each["tid"] for each in words} <= tracks


def test_the_counters_are_those_of_the_words(there):
    succeed(*TRACE, "-o", "trace.json")
    events = json.loads((there / "trace.json").read_text(encoding="utf-8"))["traceEvents"]
    rates = [each for each in events if each["name"] == "DRAM"]
    moved = sum(a["args"]["GB/s"] * 1e3 * (b["ts"] - a["ts"]) for a, b in pairwise(rates))
    timed = json.loads(succeed("sim", *TRACE[1:], "--timing-only", "--json"))
    bursts = timed["details"]["timing"][0]["work"]["dram_burst_bytes"]
    assert moved == pytest.approx(bursts, rel=1e-3)  # rates are rounded to kB/s, times to ps
    levels = [each["args"]["bytes"] for each in events if each["name"] == "SRAM in use"]
    assert levels[0] == levels[-1] == 0 < max(levels) <= 2 * 2**20


def test_a_trace_is_as_long_as_asked(there):
    assert "words behind them dropped" in succeed(*TRACE, "--max-words", "7", "-o", "trace.json")
    found = json.loads((there / "trace.json").read_text(encoding="utf-8"))
    assert len([each for each in found["traceEvents"] if each["ph"] == "X"]) == 7
    assert found["otherData"]["words_dropped"] > 0


def test_pictures(there):
    succeed(*TRACE, "-o", "trace.svg", "--cycles", "0", "5000")
    svg = (there / "trace.svg").read_text(encoding="utf-8")
    assert svg.startswith("<svg") and "core 0 MX" in svg
    succeed("roofline", "model.q4p", "--entry", "encoder", *SIZES, "-o", "roof.svg")
    svg = (there / "roof.svg").read_text(encoding="utf-8")
    assert "MAC per byte of DRAM" in svg and "projection/MatMul" in svg
    succeed("roofline", "model.q4p", "--entry", "encoder", *SIZES, "-o", "roof.png")
    assert (there / "roof.png").read_bytes().startswith(b"\x89PNG")


def test_mistakes(there, golden):
    golden("errors/Q568-picture.txt", fail(3, *TRACE, "-o", "trace.gif"))
    assert "FIRST < LAST" in fail(2, *TRACE, "-o", "t.svg", "--cycles", "9", "9")
    assert "Q575" in fail(3, "trace", "model.q4p", "--entry", "encoder", "-o", "trace.json")
    assert not list(there.glob("trace.*")) and not list(there.glob("t.*"))
