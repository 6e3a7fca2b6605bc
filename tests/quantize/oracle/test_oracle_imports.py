"""The oracle shares no code with what it is compared with: only plain values and errors."""

import ast
import sys
from pathlib import Path

import pytest

import q4compile.quantize.oracle

FOLDER = Path(q4compile.quantize.oracle.__file__).parent
MACHINE = [
    path
    for package in ("isa", "lower", "numerics", "sim")
    for path in sorted((FOLDER.parents[1] / package).rglob("*.py"))
]
ALLOWED = {"q4compile.errors", "q4compile.quantize.network"}
OWN = "q4compile.quantize.oracle"


def foreign(text):
    """Modules that the source `text` imports from elsewhere."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            named = [node.module or "."]
        else:
            continue
        for module in named:
            known = module in ALLOWED or module == OWN or module.startswith(f"{OWN}.")
            if not (known or module.split(".")[0] in {*sys.stdlib_module_names, "numpy"}):
                yield module


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_it_is_independent(path):
    assert not list(foreign(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", MACHINE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_nor_does_the_machine_borrow_from_it(path):
    assert OWN not in path.read_text(encoding="utf-8")


def test_a_shared_module_is_found():
    text = "import numpy as np\nfrom q4compile.numerics.rounding import rne_shift\nimport torch"
    assert list(foreign(text)) == ["q4compile.numerics.rounding", "torch"]
