"""The import law: data flows one way through the packages, and each library has its owners.

`MAY_IMPORT` is the picture of docs/architecture.md written out; a violation names both ends.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "q4compile"

BASE = {"errors", "files", "progress", "yaml_lines"}
MAY_IMPORT = {
    "__init__": set(),
    "__main__": {"cli"},
    "errors": set(),
    "files": {"errors"},
    "progress": set(),
    "yaml_lines": {"errors"},
    "numerics": BASE,
    "graph": BASE | {"numerics"},
    "isa": BASE | {"numerics"},
    "recipe": BASE | {"numerics", "graph", "isa"},
    "quantize": BASE | {"numerics", "graph", "isa", "recipe"},
    "sim": BASE | {"numerics", "isa"},
    "lower": BASE | {"numerics", "graph", "isa", "recipe", "quantize"},
    "qat": BASE | {"numerics", "graph", "recipe", "quantize"},
    "runtime": BASE | {"numerics", "graph", "isa", "recipe", "quantize", "sim", "lower", "qat"},
    "speech": BASE | {"numerics", "graph", "recipe", "quantize", "qat", "runtime"},
    "report": BASE | {"numerics", "graph", "recipe", "quantize", "isa", "sim", "lower"},
    "check": BASE | {"report"},
    "cli": BASE
    | {"numerics", "graph", "isa", "recipe", "quantize", "sim", "lower", "qat", "runtime", "speech"}
    | {"report", "check"},
}
OWNERS = {
    "torch": {"qat", "speech", "runtime/torch_executor.py"},
    "onnx_ir": {"graph", "quantize"},
    "onnxscript": {"graph"},
    "onnx": {"graph"},
    "onnxruntime": {"quantize", "runtime"},
    "kaldi_native_fbank": {"speech"},
    "soundfile": {"speech"},
    "jiwer": {"speech"},
    "optuna": {"speech"},
    "altair": {"report"},
    "click": {"cli"},
}


def imports(path):
    """Every module named by an import statement of `path`, wherever it stands in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} relative import"
            yield node.module


def files():
    return sorted(SOURCE.rglob("*.py"))


def package_of(path):
    parts = path.relative_to(SOURCE).parts
    return parts[0].removesuffix(".py")


def violations(path):
    """The laws that `path` breaks, in words."""
    relative = path.relative_to(SOURCE).as_posix()
    here = package_of(path)
    for module in imports(path):
        top, *rest = module.split(".")
        if top == "q4compile":
            if not rest:
                yield f"{relative} imports the facade q4compile; name the module instead"
            elif rest[0] != here and rest[0] not in MAY_IMPORT[here]:
                yield f"{relative} imports {module}: {here} may not see {rest[0]}"
        owners = OWNERS.get(top)
        if owners is not None and here not in owners and relative not in owners:
            yield f"{relative} imports {module}: only {', '.join(sorted(owners))} may"


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_import_law(path):
    assert package_of(path) in MAY_IMPORT, f"{path} lies in no package that the architecture names"
    assert not list(violations(path))


def test_the_law_catches_an_upward_import(monkeypatch):
    """The test above can fail: numerics importing speech, or torch, is named at both ends."""
    monkeypatch.setattr(
        sys.modules[__name__], "imports", lambda path: ["q4compile.speech.model", "torch"]
    )
    found = list(violations(SOURCE / "numerics" / "rounding.py"))
    assert found == [
        "numerics/rounding.py imports q4compile.speech.model: numerics may not see speech",
        "numerics/rounding.py imports torch: only qat, runtime/torch_executor.py, speech may",
    ]


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_size_law(path):
    """A file stays below 400 lines and a function below 60."""
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400, f"{path} has {text.count(chr(10))} lines: split it"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            length = node.end_lineno - node.lineno
            assert length < 60, f"{path}:{node.lineno} {node.name} has {length} lines"


def test_file_names_say_what_is_inside():
    vague = {"utils", "helpers", "common", "core", "manager", "misc"}
    assert not [path for path in files() if path.stem in vague]


@pytest.mark.parametrize("module", ["q4compile", "q4compile.cli.main", "q4compile.check.gates"])
def test_import_is_light(module):
    """Importing the package, its command line or the gates loads neither torch nor onnx."""
    heavy = ("torch", "onnx", "onnxruntime", "onnx_ir", "onnxscript")
    script = f"import sys, {module}\nprint([name for name in {heavy!r} if name in sys.modules])"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
