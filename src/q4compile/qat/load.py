"""``load_package(folder)``: the network of an emitted package, found by its folder."""

import sys
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
    folder = Path(path)
    if not (folder / "__init__.py").is_file():
        need, fix = "a folder with __init__.py", "make one with q4compile qat MODEL -o FOLDER"
        got = "none" if folder.is_dir() else "a file" if folder.exists() else "nothing of that name"
        raise ModelError(Finding("Q156", "no such package", f"{folder}", need, got, fix))
    try:
        kind = getattr(_imported(folder), "Model", None)
        if not isinstance(kind, type):
            raise _failure(folder, "class Model(QatModule)", f"Model = {kind!r:.60}")
        if not issubclass(kind, QatModule):
            bases = ", ".join(each.__name__ for each in kind.__bases__)
            raise _failure(folder, "class Model(QatModule)", f"class {kind.__name__}({bases})")
        made: QatModule = kind()
    except Q4Error:
        raise
    except (Exception, SystemExit) as error:
        need, got = "code that runs, and a Model()", f"{type(error).__name__}: {error}"
        raise _failure(folder, need, got) from error
    return made


def _failure(folder: Path, need: str, got: str) -> ModelError:
    return ModelError(Finding("Q156", "the package's code fails", f"{folder}", need, got))


def _imported(folder: Path) -> ModuleType:
    """The package under a name of its own, so that two of one name can be loaded."""
    name = f"q4compile_package_{next(_NUMBERS)}"
    spec = spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        for each in [each for each in sys.modules if each.partition(".")[0] == name]:
            del sys.modules[each]
        raise
    return module
