"""Inside `lower` data flows one way, too: each folder imports only those before it."""

import ast
from pathlib import Path

import pytest

from q4compile.lower import lower

FOLDER = Path(lower.__file__).parent
ORDER = ("numbers", "layout", "phases", "plan", "select", "emit")
ANYWHERE = {"options", "findings"}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("q4compile.lower."):
            yield node.module.split(".")[2]


@pytest.mark.parametrize("name", ORDER)
def test_folders_import_those_before_them(name):
    allowed = {*ORDER[: ORDER.index(name) + 1], *ANYWHERE}
    files = sorted((FOLDER / name).glob("*.py"))
    assert len(files) > 2
    for path in files:
        assert set(imported(path)) <= allowed, path.name


def test_the_order_is_that_of_the_folders():
    assert {path.name for path in FOLDER.iterdir() if path.is_dir()} - {"__pycache__"} == set(ORDER)
