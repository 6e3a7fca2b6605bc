"""The gates file: what it means, and every mistake in it with its line."""

from pathlib import Path

import pytest

from q4compile.check import gates_file
from q4compile.check.bounds import KIND_NAMED, Bound
from q4compile.check.gates import Gate, GatesError, require_baseline
from q4compile.check.gates_file import load_gates

WHOLE = """\
version: 1
gates:
  - {figure: compression_ratio, min: 7.6, required: true}
  - figure: wer_percent
    record: eval
    max: 11
    max_increase: 3e-1
    why: what the paper loses
"""


def load(tmp_path, text):
    path = tmp_path / "gates.yaml"
    path.write_text(text, encoding="utf-8")
    return load_gates(path)


def test_a_whole_file(tmp_path):
    path = tmp_path / "gates.yaml"
    wer = (Bound(KIND_NAMED["max"], 11), Bound(KIND_NAMED["max_increase"], 0.3))
    assert load(tmp_path, WHOLE) == (
        Gate(
            "compression_ratio", (Bound(KIND_NAMED["min"], 7.6),), required=True, file=path, line=3
        ),
        Gate("wer_percent", wer, "eval", why="what the paper loses", file=path, line=4),
    )


def test_the_documented_example_is_a_gates_file(tmp_path):
    text = gates_file.__doc__
    example = text[text.index("    version") : text.index("\n`figure`")]
    assert [gate.figure for gate in load(tmp_path, example)] == [
        "compression_ratio",
        "wer_percent",
        "*_bytes",
    ]


def test_a_gate_covers_a_command_or_a_record_by_name(gate_of, record_of):
    record = record_of("eval", wer_percent=1, cer_percent=2, rtf=3)
    assert [
        pattern
        for pattern in ["*", "eval", "ev*", "w4a4", "w?a?", "quantize", "EVAL"]
        if gate_of("rtf", record=pattern).covers("w4a4", record)
    ] == ["*", "eval", "ev*", "w4a4", "w?a?"]
    assert gate_of("*_percent").figures(record) == ["wer_percent", "cer_percent"]
    assert gate_of("WER_percent").figures(record) == []


def gates_text(*lines):
    return "version: 1\ngates:\n" + "".join(f"  - {line}\n" for line in lines)


BROKEN = {
    "Q421-gates-empty-file": "",
    "Q421-gates-not-yaml": "version: 1\ngates: [a: b: c\n",
    "Q421-gates-a-list": "- {figure: a, min: 1}\n",
    "Q421-gates-no-version": "gates:\n  - {figure: a, min: 1}\n",
    "Q421-gates-version-no-number": "version: true\ngates:\n  - {figure: a, min: 1}\n",
    "Q421-gates-of-another-version": "version: 2\ngates: {figure: a}\n",
    "Q422-gates-unknown-keys": "version: 1\ngate: 1\ngates:\n  - {figure: a, maximum: 1}\n"
    "  - figure: b\n    max_incraese: 1\n",
    "Q422-gates-repeated-key": gates_text("{figure: a, max: 1, max: 2}"),
    "Q423-gates-wrong-types": gates_text(
        "{figure: [a], min: 1}",
        "{figure: a, min: low}",
        "{figure: a, max: true}",
        "{figure: a, max: .nan}",
        "{figure: a, max: 1, required: yes}",
        "{figure: a, max: 1, record: 4}",
        "{figure: a, max_increase_percent: -1}",
        "{figure: a, equals: '5'}",
        "{min: 1}",
        "wer_percent",
    ),
    "Q424-gates-nothing": "version: 1\ngates: []\n",
    "Q424-gates-no-bound": gates_text("{figure: a}", "{figure: b, required: false, record: eval}"),
    "Q425-gates-min-above-max": gates_text("{figure: a, min: 2, max: 1}"),
    "Q426-gates-tag-anchor-alias": gates_text("&a {figure: a, min: !!int 1}", "*a"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused(tmp_path, golden, name):
    with pytest.raises(GatesError) as caught:
        load(tmp_path, BROKEN[name])
    assert caught.value.exit_code == 2
    text = str(caught.value)
    assert f"[{name[:4]}]" in text
    golden(f"errors/{name}.txt", text, folder=tmp_path)


def test_a_missing_file_is_refused(golden):
    with pytest.raises(GatesError) as caught:
        load_gates(Path("nowhere/gates.yaml"))
    golden("errors/Q421-gates-missing.txt", str(caught.value))


def test_tolerances_without_a_baseline_are_refused(golden, gate_of):
    gates = [gate_of("a", 3, min=1), gate_of("b", 4, min=1, max_increase=2, max_decrease_percent=3)]
    require_baseline(gates[:1])
    with pytest.raises(GatesError) as caught:
        require_baseline(gates)
    golden("errors/Q427-gates-need-baseline.txt", str(caught.value))
