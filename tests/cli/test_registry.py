"""Every command: registered, importable, documented with an example, debuggable."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from q4compile.cli import registry
from q4compile.cli.main import main
from q4compile.cli.registry import COMMANDS

FOLDER = Path(registry.__file__).parent
NO_COMMANDS = {
    "__init__",
    "bars",
    "calibration",
    "main",
    "options",
    "output",
    "precision_tables",
    "records",
    "registry",
    "search_options",
    "sim_timing",
    "sim_values",
    "sizes",
    "tables",
    "timing_tables",
    "usage",
}


def test_each_file_is_a_registered_command_or_known_not_to_be_one():
    files = {path.stem for path in FOLDER.glob("*.py")}
    modules = {entry.module.removeprefix("q4compile.cli.") for entry in COMMANDS}
    assert files == modules | NO_COMMANDS
    assert not modules & NO_COMMANDS


def test_commands_are_sorted_and_file_is_command():
    names = [entry.name for entry in COMMANDS]
    assert names == sorted(names)
    modules = [f"q4compile.cli.{name.replace('-', '_')}" for name in names]
    assert [entry.module for entry in COMMANDS] == modules


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_help_ends_with_an_example(entry):
    assert importlib.import_module(entry.module).command.help
    result = CliRunner().invoke(main, [entry.name, "--help"])
    assert result.exit_code == 0
    _, _, examples = result.output.rpartition("Example:\n")
    assert examples.strip()
    assert f"q4compile {entry.name}" in examples


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_each_command_takes_debug(entry):
    command = importlib.import_module(entry.module).command
    assert "--debug" in {name for param in command.params for name in param.opts}


def test_no_help_loads_a_heavy_library():
    heavy = ("numpy", "onnx", "onnx_ir", "onnxruntime", "pydantic", "torch")
    script = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from q4compile.cli.main import main\n"
        f"for name in {[entry.name for entry in COMMANDS]!r}:\n"
        "    assert CliRunner().invoke(main, [name, '--help']).exit_code == 0, name\n"
        f"    print(name, [each for each in {heavy!r} if each in sys.modules])\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{entry.name} []" for entry in COMMANDS]


def test_completion_scripts_call_the_program():
    for shell in ("bash", "fish", "zsh"):
        result = CliRunner().invoke(main, ["completion", shell])
        assert result.exit_code == 0
        assert "_Q4COMPILE_COMPLETE" in result.output


def test_completion_knows_commands_and_options():
    def completed(words, number):
        env = {
            "_Q4COMPILE_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(number),
        }
        result = CliRunner().invoke(main, env=env, prog_name="q4compile")
        return result.output.split()

    assert "plain,check" in completed("q4compile ch", 1)
    assert "plain,--baseline" in completed("q4compile check --b", 2)
