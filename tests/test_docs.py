"""The documents say what the code says, and point at files that exist."""

import re
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


def test_the_readme_shows_commands_that_exist():
    """Every `q4compile WORD` of the README's code blocks is a registered command."""
    from q4compile.cli.registry import COMMANDS

    words = re.findall(r"^q4compile (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert words
    assert set(words) <= {entry.name for entry in COMMANDS}
