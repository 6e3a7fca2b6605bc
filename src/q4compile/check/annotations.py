"""The verdicts as GitHub workflow commands: errors and notices at the gate's line of the diff."""

from collections.abc import Sequence

from q4compile.check.verdicts import Outcome, Verdict


def as_annotations(verdicts: Sequence[Verdict]) -> str:
    """A line for each failure (``::error``) and each absent figure (``::notice``)."""
    lines = [_line(verdict) for verdict in verdicts if verdict.outcome is not Outcome.PASS]
    return "".join(f"{line}\n" for line in lines)


def _line(verdict: Verdict) -> str:
    finding = verdict.finding
    if finding is None:
        level, title = "notice", f"{verdict.figure} is in no record"
        message = verdict.hint or "this gate checked nothing; give it required: true if it must not"
    else:
        level, title = "error", f"{finding.code} {finding.title}"
        message = finding.render().partition("\n")[2]
    place = f"file={_property(str(verdict.gate.file))},line={verdict.gate.line}"
    return f"::{level} {place},title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
