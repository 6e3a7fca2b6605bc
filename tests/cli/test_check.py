"""`q4compile check`: exit codes, outputs, and the baseline file."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from q4compile.cli.main import main
from q4compile.report.record import Record, read_record, write_record

GATES = """\
version: 1
gates:
  - {figure: compression_ratio, min: 7.6, required: true}
  - {figure: "*_bytes", max_increase_percent: 1}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder: a record that passes and gates.yaml, outside GitHub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    figures = {"compression_ratio": 7.9, "image_bytes": 1000}
    record = Record("quantize", "0.1.0", "2026-01-31T12:00:00Z", {}, figures)
    write_record(record, tmp_path / "model.record.json")
    (tmp_path / "gates.yaml").write_text(GATES)
    return tmp_path


def check(*arguments):
    return CliRunner().invoke(main, ["check", "model.record.json", *arguments])


def set_figure(folder, name, value):
    path = folder / "model.record.json"
    content = json.loads(path.read_text())
    content["figures"][name] = value
    path.write_text(json.dumps(content))


def with_baseline(folder):
    assert check("--baseline", "base.json", "--update-baseline").exit_code == 0


def test_green(folder):
    with_baseline(folder)
    result = check("--baseline", "base.json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.endswith("2 passed, 0 failed, 0 absent\n")


def test_red(folder, golden):
    with_baseline(folder)
    set_figure(folder, "compression_ratio", 7.1)
    set_figure(folder, "image_bytes", 1011)
    result = check("--baseline", "base.json")
    assert result.exit_code == 1
    golden("check/red-stdout.txt", result.stdout)
    golden("check/red-stderr.txt", result.stderr)


def test_json_and_output_file(folder):
    with_baseline(folder)
    printed = check("--baseline", "base.json", "--json")
    written = check("--baseline", "base.json", "--json", "-o", "out/verdicts.json")
    assert json.loads(printed.stdout)["passed"] is True
    assert written.stdout == ""
    assert (folder / "out" / "verdicts.json").read_text() == printed.stdout


def test_quiet_prints_only_errors(folder):
    with_baseline(folder)
    assert check("--baseline", "base.json", "-q").output == ""
    set_figure(folder, "compression_ratio", 1)
    result = check("--baseline", "base.json", "-q")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error[Q411]")


def test_junit_is_written_before_the_failure(folder):
    with_baseline(folder)
    set_figure(folder, "compression_ratio", 1)
    assert check("--baseline", "base.json", "--junit", "junit.xml").exit_code == 1
    assert '<failure message="compression_ratio is below' in (folder / "junit.xml").read_text()


def test_annotations_by_option_and_inside_github(folder, monkeypatch):
    with_baseline(folder)
    set_figure(folder, "compression_ratio", 1)
    line = "::error file=gates.yaml,line=3,title=Q411"
    assert line in check("--baseline", "base.json", "--github").stderr
    assert line not in check("--baseline", "base.json").stderr
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert line in check("--baseline", "base.json").stderr
    assert line not in check("--baseline", "base.json", "--no-github").stderr


def test_the_update_takes_the_new_figures_but_bounds_still_hold(folder):
    with_baseline(folder)
    set_figure(folder, "image_bytes", 5000)
    assert check("--baseline", "base.json").exit_code == 1
    assert check("--baseline", "base.json", "--update-baseline").exit_code == 0
    assert check("--baseline", "base.json").exit_code == 0
    set_figure(folder, "compression_ratio", 1)
    assert check("--baseline", "base.json", "--update-baseline").exit_code == 1
    figures = json.loads((folder / "base.json").read_text())["figures"]
    assert figures == {"model": {"compression_ratio": 1, "image_bytes": 5000}}


def test_the_update_keeps_the_records_that_are_not_given(folder):
    with_baseline(folder)
    (folder / "model.record.json").rename(folder / "other.record.json")
    arguments = ["check", "other.record.json", "--baseline", "base.json", "--update-baseline"]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert list(json.loads((folder / "base.json").read_text())["figures"]) == ["model", "other"]


def test_a_baseline_needs_no_gates_to_be_written(folder):
    (folder / "gates.yaml").unlink()
    with_baseline(folder)
    result = check("--baseline", "base.json")
    assert result.exit_code == 2
    assert "error[Q421]" in result.stderr


def test_usage(folder):
    assert "needs --baseline FILE" in check("--update-baseline").stderr
    for arguments, code, exit_code in [
        (["--update-baseline"], "Q003", 2),
        ([], "Q427", 2),
        (["--baseline", "none.json"], "Q561", 3),
        (["--gates", "none.yaml"], "Q421", 2),
        (["none.json"], "Q561", 3),
        (["--baseline", "gates.yaml/base.json", "--update-baseline"], "Q551", 2),
    ]:
        result = check(*arguments)
        assert (result.exit_code, result.stdout) == (exit_code, "")
        assert result.stderr.startswith(f"error[{code}]")


def test_a_red_run_from_a_shell(folder):
    set_figure(folder, "compression_ratio", 7.1)
    command = [sys.executable, "-m", "q4compile", "check", "model.record.json"]
    update = ["--baseline", "base.json", "--update-baseline"]
    done = subprocess.run([*command, *update], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error[Q411]: compression_ratio is below its bound\n")
    assert "\x1b" not in done.stdout + done.stderr
    assert read_record(folder / "model.record.json").figures["compression_ratio"] == 7.1
