"""The composite action: its check step is run as GitHub would run it, and the example fits it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from q4compile.report.record import Record, write_record

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
EXAMPLE = yaml.safe_load((ROOT / ".github/workflows/example.yml").read_text(encoding="utf-8"))


@pytest.fixture
def workspace(tmp_path):
    """Two records and gates, and a runner folder where q4compile is this interpreter."""
    for name in ("small", "paper"):
        record = Record("quantize", "0.1.0", "2026-01-31T12:00:00Z", {}, {"compression_ratio": 7.9})
        write_record(record, tmp_path / "out" / f"{name}.record.json")
    python = tmp_path / "runner" / "q4compile" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return tmp_path


def run_check(workspace, minimum, **inputs):
    """The last step's script, with the inputs where the action puts them and their defaults."""
    gates = f"version: 1\ngates:\n  - {{figure: compression_ratio, min: {minimum}}}\n"
    (workspace / "gates.yaml").write_text(gates)
    step = ACTION["runs"]["steps"][-1]
    given = {name: spec.get("default") for name, spec in ACTION["inputs"].items()} | inputs
    environment = {
        name: given[re.fullmatch(r"\$\{\{ inputs\.(\w+) \}\}", value).group(1)]
        for name, value in step["env"].items()
    }
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=workspace,
        env=os.environ | environment | {"RUNNER_TEMP": str(workspace / "runner")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_green(workspace):
    done = run_check(workspace, 7.6, records="out/*.record.json", junit="check.xml")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 passed, 0 failed" in done.stdout
    assert (workspace / "check.xml").is_file()


def test_red(workspace):
    done = run_check(workspace, 8, records="out/small.record.json out/p*.json")
    assert done.returncode == 1
    assert done.stderr.count("::error file=gates.yaml,line=3,title=Q411") == 2


def test_a_missing_baseline_is_an_error(workspace):
    done = run_check(workspace, 7, records="out/*.json", baseline="base line.json")
    assert done.returncode == 3
    assert "at    base line.json" in done.stderr


def test_inputs_reach_the_script_by_the_environment_only():
    """An input pasted into a script would be run as code."""
    assert [step["name"] for step in ACTION["runs"]["steps"] if "${{" in step["run"]] == []


def test_the_example_gives_the_action_inputs_that_it_has():
    steps = EXAMPLE["jobs"]["gate"]["steps"]
    (use,) = [step for step in steps if step.get("uses") == "./"]
    assert use["with"].keys() <= ACTION["inputs"].keys()
    required = {name for name, spec in ACTION["inputs"].items() if spec.get("required")}
    assert required <= use["with"].keys()
