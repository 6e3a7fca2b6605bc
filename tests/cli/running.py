"""The program, run in this process or in one of its own."""

import subprocess
import sys

from click.testing import CliRunner

from q4compile.cli.main import main


def q4compile(*arguments):
    """The result of the program in this process."""
    return CliRunner().invoke(main, [str(each) for each in arguments], prog_name="q4compile")


def succeed(*arguments):
    """What the program prints when all is well."""
    result = q4compile(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def fail(exit_code, *arguments):
    """What the program prints on stderr when it ends with `exit_code`."""
    result = q4compile(*arguments)
    assert (result.exit_code, result.stdout) == (exit_code, ""), result.stderr
    return result.stderr


def process(*arguments, **options):
    """The finished process of the program."""
    command = [sys.executable, "-m", "q4compile", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def files(folder):
    """Every file below `folder`, hidden ones included."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
