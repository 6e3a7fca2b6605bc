"""The verdicts as JUnit XML, which CI systems show as a table of tests."""

import re
from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from q4compile.check.verdicts import Outcome, Verdict

UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(verdicts: Sequence[Verdict]) -> str:
    """One suite; a test case for each verdict, failed or (a figure that is absent) skipped."""
    outcomes = [verdict.outcome for verdict in verdicts]
    counts = {
        "tests": str(len(outcomes)),
        "failures": str(outcomes.count(Outcome.FAIL)),
        "errors": "0",
        "skipped": str(outcomes.count(Outcome.ABSENT)),
    }
    suites = Element("testsuites", {"name": "q4compile", **counts})
    suite = SubElement(suites, "testsuite", {"name": "q4compile check", "time": "0", **counts})
    for verdict in verdicts:
        _add_case(suite, verdict)
    ElementTree.indent(suites)
    text = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _add_case(suite: Element, verdict: Verdict) -> None:
    name = {"classname": verdict.record or verdict.gate.record, "name": verdict.demand}
    places = {"file": str(verdict.gate.file), "line": str(verdict.gate.line), "time": "0"}
    case = SubElement(suite, "testcase", _clean(name | places))
    if verdict.finding is not None:
        finding = verdict.finding
        failure = SubElement(
            case, "failure", _clean({"message": finding.title, "type": finding.code})
        )
        failure.text = UNPRINTABLE.sub("?", finding.render())
    elif verdict.outcome is Outcome.ABSENT:
        SubElement(case, "skipped", {"message": verdict.hint or "no record has this figure"})


def _clean(attributes: dict[str, str]) -> dict[str, str]:
    """XML 1.0 has no spelling for most control characters."""
    return {key: UNPRINTABLE.sub("?", value) for key, value in attributes.items()}
