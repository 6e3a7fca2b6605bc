"""``q4compile check``: does any figure break its gate?"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from q4compile.check.baseline import Baseline, read_baseline, write_baseline
from q4compile.check.gates import Gate, require_baseline
from q4compile.check.gates_file import load_gates
from q4compile.check.named import read_records
from q4compile.check.verdicts import Verdict, findings_of, judge
from q4compile.cli.options import debug_option, example, json_option, output_option, quiet_option
from q4compile.cli.output import deliver
from q4compile.errors import Disagreement, raise_all
from q4compile.files import write_text
from q4compile.report.record import Record

GATES = Path("gates.yaml")
FILE = click.Path(path_type=Path)


@click.command(
    epilog=example("q4compile check out/*.record.json --gates gates.yaml --baseline baseline.json")
)
@click.argument("records", metavar="RECORD...", nargs=-1, required=True, type=FILE)
@click.option("--gates", metavar="FILE", type=FILE, help="The gates.  [default: gates.yaml]")
@click.option("--baseline", metavar="FILE", type=FILE, help="Earlier figures, for tolerances.")
@click.option("--update-baseline", is_flag=True, help="Write the figures to the baseline first.")
@click.option("--junit", metavar="FILE", type=FILE, help="Write JUnit XML to FILE too.")
@click.option(
    "--github/--no-github",
    default=None,
    help="Print GitHub annotations on stderr too.  [default: inside GitHub Actions]",
)
@json_option
@output_option
@quiet_option
@debug_option
def command(
    records: tuple[Path, ...],
    gates: Path | None,
    baseline: Path | None,
    update_baseline: bool,
    junit: Path | None,
    github: bool | None,
    as_json: bool,
    output: Path | None,
    quiet: bool,
) -> None:
    """Gate the figures of RECORDs: exit 0 when every gate holds, 1 when one does not.

    A gate bounds a figure (min, max, equals) or its change from a baseline (max_increase,
    max_increase_percent, max_decrease, max_decrease_percent).
    """
    if update_baseline and baseline is None:
        raise click.UsageError("--update-baseline needs --baseline FILE")
    found = read_records(records)
    verdicts = _judge(_gates(gates, update_baseline), found, baseline, update_baseline)
    if junit is not None:
        from q4compile.check.junit import as_junit

        write_text(junit, as_junit(verdicts))
    if not quiet or output is not None:
        deliver(_text(verdicts, as_json, output is None), output)
    if os.environ.get("GITHUB_ACTIONS") == "true" if github is None else github:
        from q4compile.check.annotations import as_annotations

        click.echo(as_annotations(verdicts), err=True, nl=False)
    raise_all(Disagreement, findings_of(verdicts))


def _gates(path: Path | None, update_baseline: bool) -> tuple[Gate, ...]:
    """The gates; none are needed to write a baseline."""
    if path is None and update_baseline and not GATES.exists():
        return ()
    return load_gates(path or GATES)


def _judge(
    gates: Sequence[Gate], records: Mapping[str, Record], path: Path | None, update: bool
) -> tuple[Verdict, ...]:
    if path is None:
        require_baseline(gates)
        return judge(gates, records, Baseline())
    if update:
        earlier = read_baseline(path) if path.exists() else Baseline()
        write_baseline(earlier.updated(records), path)
    return judge(gates, records, read_baseline(path))


def _text(verdicts: Sequence[Verdict], as_json: bool, printed: bool) -> str:
    if as_json:
        from q4compile.check.json_text import as_json_text

        return as_json_text(verdicts)
    from q4compile.check.table import as_table

    if not printed or not sys.stdout.isatty():
        return as_table(verdicts)
    return as_table(verdicts, "NO_COLOR" not in os.environ, os.get_terminal_size().columns)
