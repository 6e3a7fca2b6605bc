"""``load_package(folder)``: the network of an emitted package, found by its folder."""

import sys
import traceback
from importlib.util import module_from_spec, spec_from_file_location
from itertools import count
from pathlib import Path
from types import ModuleType

from q4compile.errors import Finding, ModelError, Q4Error
from q4compile.qat.module import QatModule

_NUMBERS = count()


def load_package(path: str | Path) -> QatModule:
    """``Model()`` of the package folder `path`; its code runs: it is the user's own.

    Raises:
        ModelError: Q156 where there is no package, or its code fails; and what `load` raises.
    """
    folder = Path(path).absolute()
    if not (folder / "__init__.py").is_file():
        need, fix = "a folder with __init__.py", "make one with q4compile qat MODEL -o FOLDER"
        raise ModelError(Finding("Q156", "no such package", f"{folder}", need, "none", fix))
    try:
        made = _imported(folder).Model()
    except Q4Error:
        raise
    except Exception as error:
        at, got = _place(folder, error), f"{type(error).__name__}: {error}"
        need = "a package whose Model() can be made"
        raise ModelError(Finding("Q156", "the package's code fails", at, need, got)) from error
    if not isinstance(made, QatModule):
        need, got = "class Model(QatModule)", type(made).__name__
        raise ModelError(Finding("Q156", "the package's code fails", f"{folder}", need, got))
    return made


def _imported(folder: Path) -> ModuleType:
    """The package under a name of its own, so that two of one name can be loaded."""
    name = f"q4compile_package_{next(_NUMBERS)}"
    spec = spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _place(folder: Path, error: Exception) -> str:
    """The package's last line on the way to the error."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if Path(each.filename).is_relative_to(folder)]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else f"{folder}"
