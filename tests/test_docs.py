"""The documents say what the code says, and point at files that exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def test_generated_documents_are_fresh():
    """`make docs` would change nothing: registries, help texts, README tables."""
    script = [sys.executable, ROOT / "docs" / "generate.py", "--check"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert not [target for target in targets if not (page.parent / target).exists()]


def readme_lines():
    """The commands of the README that need neither a corpus nor training."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    commands = [line.split("#")[0].strip() for line in lines if line.startswith("q4compile ")]
    return [line for line in commands if "an4" not in line]


def test_the_readme_runs_as_written(tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    lines = readme_lines()
    assert len(lines) >= 5
    for line in lines:
        command = [sys.executable, "-m", *shlex.split(line)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stderr}"


def test_the_readme_shows_commands_that_exist():
    """Every `q4compile WORD` of the README's code blocks is a registered command."""
    from q4compile.cli.registry import COMMANDS

    words = re.findall(r"^q4compile (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert words
    assert set(words) <= {entry.name for entry in COMMANDS}
