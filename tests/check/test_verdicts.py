"""Judging: which gate meets which figure, the findings' texts, and that looser never fails more."""

import dataclasses
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from q4compile.check.baseline import Baseline
from q4compile.check.bounds import KINDS, Bound
from q4compile.check.gates import Gate
from q4compile.check.verdicts import Outcome, findings_of, judge
from q4compile.report.record import Record


def test_one_verdict_for_each_figure_and_bound(verdicts):
    assert [(v.gate.line, v.record, v.figure, v.outcome.value) for v in verdicts] == [
        (3, "model.q4.onnx", "compression_ratio", "pass"),
        (4, "model.q4.onnx", "compression_ratio", "fail"),
        (5, "w4a4", "wer_percent", "fail"),
        (5, "w4a4", "wer_percent", "pass"),
        (6, "model.q4.onnx", "image_bytes", "fail"),
        (7, "w4a4", "cer_percent", "fail"),
        (8, None, "compresion_ratio", "fail"),
        (9, None, "rtf", "absent"),
        (10, "w4a4", "wer_percent", "pass"),
        (10, "w4a4", "cer_percent", "pass"),
    ]


def test_every_finding_reads_well(verdicts, golden):
    findings = findings_of(verdicts)
    assert [f.code for f in findings] == ["Q411", "Q410", "Q412", "Q413", "Q413"]
    texts = Counter()
    for finding in findings:
        texts[finding.code] += 1
        slug = {"Q411": "below-bound", "Q410": "above-bound", "Q412": "drift"}.get(
            finding.code, f"figure-missing-{texts[finding.code]}"
        )
        golden(f"errors/{finding.code}-{slug}.txt", finding.render())


def test_a_gate_looks_only_at_the_records_it_names(gate_of, record_of):
    records = {"a": record_of("eval", n=9), "b": record_of("quantize", n=9)}
    verdicts = judge([gate_of("n", record="quantize", max=1)], records, Baseline())
    assert [(verdict.record, verdict.outcome) for verdict in verdicts] == [("b", Outcome.FAIL)]
    (verdict,) = judge([gate_of("n", record="qat", required=True)], records, Baseline())
    assert verdict.finding.got == "no such figure in 0 matching of 2 records"


def test_an_absent_figure_names_the_nearest(gate_of, record_of):
    records = {"a": record_of("quantize", compression_ratio=8)}
    (verdict,) = judge([gate_of("compresion_ratio", max=9)], records, Baseline())
    assert verdict.outcome is Outcome.ABSENT
    assert verdict.hint == "did you mean 'compression_ratio'?"


def test_equals_fails_on_both_sides(gate_of, record_of):
    codes = []
    for value in (4, 5, 6):
        verdicts = judge([gate_of("n", equals=5)], {"a": record_of("x", n=value)}, Baseline())
        codes += [finding.code for finding in findings_of(verdicts)]
    assert codes == ["Q411", "Q410"]


def test_the_change_is_in_percent_of_the_baseline(gate_of, record_of):
    def change(value, base):
        figures = {"a": {"n": base}} if base is not None else {}
        (verdict,) = judge(
            [gate_of("n", min=-99)], {"a": record_of("x", n=value)}, Baseline(figures)
        )
        return verdict.change_percent

    assert [change(110, 100), change(-90, -100), change(3, 0), change(3, None)] == [
        10,
        10,
        None,
        None,
    ]


NAMES = st.sampled_from(["wer_percent", "cer_percent", "rtf"])
VALUES = st.integers(-5, 5) | st.floats(-5, 5)
FIGURES = st.dictionaries(NAMES, VALUES)
RECORDS = st.dictionaries(
    st.sampled_from(["a", "b"]),
    st.builds(
        lambda command, figures: Record(command, "0", "", {}, figures),
        st.sampled_from(["eval", "quantize"]),
        FIGURES,
    ),
)
BASELINES = st.builds(Baseline, st.dictionaries(st.sampled_from(["a", "b"]), FIGURES))


@st.composite
def bounds(draw):
    kind = draw(st.sampled_from(KINDS))
    limit = draw(VALUES)
    return Bound(kind, abs(limit) if kind.relative else limit)


GATES = st.builds(
    Gate,
    st.one_of(NAMES, st.sampled_from(["*", "*_percent"])),
    st.lists(bounds(), max_size=3).map(tuple),
    st.sampled_from(["*", "eval", "a"]),
    st.booleans(),
)


@st.composite
def loosened(draw, gate):
    """`gate` with some bounds dropped, the others widened, and perhaps no longer required."""
    kept = []
    for bound in gate.bounds:
        more = draw(st.integers(0, 3))
        sign = {"min": -1, "equals": 0}.get(bound.kind.name, 1)
        if draw(st.booleans()):
            kept.append(dataclasses.replace(bound, limit=bound.limit + sign * more))
    return dataclasses.replace(
        gate, bounds=tuple(kept), required=gate.required and draw(st.booleans())
    )


@given(st.data(), st.lists(GATES, max_size=4), RECORDS, BASELINES)
def test_loosening_never_adds_a_failure(data, gates, records, baseline):
    looser = [data.draw(loosened(gate)) for gate in gates]
    before, after = (
        Counter((f.code, f.title) for f in findings_of(judge(some, records, baseline)))
        for some in (gates, looser)
    )
    assert after <= before


@given(st.lists(GATES, max_size=4), RECORDS, BASELINES)
def test_findings_are_the_failed_verdicts(gates, records, baseline):
    verdicts = judge(gates, records, baseline)
    assert {v.finding is not None for v in verdicts if v.outcome is Outcome.FAIL} <= {True}
    assert {v.finding is None for v in verdicts if v.outcome is not Outcome.FAIL} <= {True}


@given(st.lists(GATES, min_size=1, max_size=4), RECORDS)
def test_records_equal_to_their_baseline_never_drift(gates, records):
    baseline = Baseline().updated(records)
    codes = {finding.code for finding in findings_of(judge(gates, records, baseline))}
    assert "Q412" not in codes
