"""The program around the commands: exit codes, error texts, help, nothing imported too early."""

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

from q4compile.cli import main as program
from q4compile.cli.main import main
from q4compile.cli.options import debug_option
from q4compile.cli.registry import COMMANDS, Entry
from q4compile.errors import DataError, Finding

FINDING = Finding("Q599", "an error of a test", "here", "this", "that")


def q4compile(*arguments, **options):
    """Run the program in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], **options)


def process(*arguments, **options):
    """Run the program in a process of its own."""
    command = [sys.executable, "-m", "q4compile", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.fixture
def failing(monkeypatch):
    """A command `fail` that raises the given exception."""

    def install(error):
        @click.command()
        @debug_option
        def command():
            raise error

        monkeypatch.setitem(sys.modules, "failing_command", SimpleNamespace(command=command))
        entry = Entry("fail", "failing_command", "Fail.")
        monkeypatch.setattr(program, "COMMANDS", (*COMMANDS, entry))

    return install


USAGE = {
    "Q001-unknown-command": ["chek"],
    "Q001-nothing-like-it": ["zzz"],
    "Q001-option-after-the-end-of-options": ["--", "--version"],
    "Q002-unknown-option": ["check", "a.json", "--gats", "gates.yaml"],
    "Q002-unknown-option-of-the-program": ["--verson"],
    "Q003-missing-argument": ["check"],
    "Q003-wrong-choice": ["completion", "tcsh"],
    "Q003-option-without-value": ["check", "a.json", "--gates"],
}


@pytest.mark.parametrize("name", USAGE)
def test_mistakes_on_the_command_line(golden, name, monkeypatch):
    monkeypatch.setattr(program, "COMMANDS", tuple(e for e in COMMANDS if e.name in TESTED))
    result = q4compile(*USAGE[name], prog_name="q4compile")
    assert result.exit_code == 2
    assert result.stdout == ""
    golden(f"errors/{name}.txt", result.stderr)


TESTED = {"check", "completion"}
FAILURES = {
    "Q004-missing-file": FileNotFoundError(2, "No such file or directory", "model.onnx"),
    "Q004-forbidden-file": PermissionError(13, "Permission denied", "model.onnx"),
    "Q005-missing-extra": ModuleNotFoundError("No module named 'torch'", name="torch.nn"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_the_system_refuses_is_a_finding(golden, failing, name):
    failing(FAILURES[name])
    result = q4compile("fail")
    assert result.exit_code == 2
    golden(f"errors/{name}.txt", result.stderr)


def test_an_error_of_ours_has_its_exit_code_and_text(failing):
    failing(DataError(FINDING))
    result = q4compile("fail")
    assert (result.exit_code, result.stderr) == (3, f"{FINDING.render()}\n")


@pytest.mark.parametrize(
    "bug",
    [
        ZeroDivisionError("by zero"),
        ModuleNotFoundError("q4compile.x", name="q4compile.x"),
        OSError(22, "Invalid argument"),
    ],
)
def test_anything_else_is_our_bug_and_says_so(failing, bug):
    failing(bug)
    result = q4compile("fail")
    assert result.exit_code == 4
    assert result.stderr.startswith(f"q4compile has a bug: {type(bug).__name__}: {bug}\n")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("arguments", [["--debug", "fail"], ["fail", "--debug"]])
def test_debug_shows_where(failing, arguments):
    failing(ZeroDivisionError("by zero"))
    result = q4compile(*arguments)
    assert result.exit_code == 4
    assert "Traceback" in result.stderr
    assert "raise error" in result.stderr


def test_an_interrupt_is_130(failing):
    failing(KeyboardInterrupt())
    assert q4compile("fail").exit_code == 130


def test_version_help_and_no_arguments():
    assert q4compile("--version").output == "q4compile 0.1.0\n"
    shown, asked = q4compile("--help"), q4compile()
    assert (shown.exit_code, asked.exit_code) == (0, 2)
    assert shown.stdout == asked.stderr
    assert [entry.name for entry in COMMANDS if entry.summary not in shown.stdout] == []


def test_the_program_says_the_same_from_a_shell():
    done = process("chek")
    assert done.returncode == 2
    assert done.stderr == q4compile("chek").stderr
    assert process("--version").stdout == "q4compile 0.1.0\n"


def test_help_and_check_import_nothing_heavy(tmp_path):
    heavy = ("numpy", "onnx", "onnxruntime", "onnx_ir", "pydantic", "scipy", "torch")
    script = (
        "import sys\n"
        "from q4compile.cli.main import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        f"    found = [name for name in {heavy!r} if name in sys.modules]\n"
        "    print(end.code, found)\n"
    )
    (tmp_path / "a.json").write_text(RECORD)
    (tmp_path / "gates.yaml").write_text("version: 1\ngates:\n  - {figure: a, min: 1}\n")
    for arguments in (["--help"], ["check", "a.json"], ["check", "a.json", "--junit", "j.xml"]):
        command = [sys.executable, "-c", script, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
        assert done.stdout.splitlines()[-1] == "0 []"


RECORD = (
    '{"schema_version": 1, "command": "x", "tool_version": "0", "created": "", "inputs": {},'
    ' "figures": {"a": 1}}'
)

SLOW_WRITER = """
import sys, time, types
from pathlib import Path
import click
from q4compile.cli import main as program
from q4compile.cli.registry import Entry
from q4compile.files import replacing

@click.command()
def command():
    with replacing(Path("out.txt")) as path:
        path.write_text("half")
        click.echo("writing")
        time.sleep(60)

sys.modules["slow"] = types.SimpleNamespace(command=command)
program.COMMANDS += (Entry("slow", "slow", "Slow."),)
sys.argv = ["q4compile", "slow"]
program.run()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_run_leaves_the_old_output_and_nothing_else(tmp_path, number, code):
    (tmp_path / "out.txt").write_text("old")
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_WRITER],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout.readline() == b"writing\n"
        running.send_signal(number)
        running.communicate(timeout=30)
    assert running.returncode == code
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("out.txt", "old")]


def test_a_reader_that_stops_listening_is_no_bug(tmp_path):
    (tmp_path / "a.json").write_text(RECORD)
    (tmp_path / "gates.yaml").write_text("version: 1\ngates:\n  - {figure: a, min: 1}\n")
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "q4compile", "check", "a.json"]
    done = subprocess.run(
        command, cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
