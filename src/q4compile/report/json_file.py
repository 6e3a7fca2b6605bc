"""JSON files that others may have edited: read with an error for every mistake."""

import json
from pathlib import Path
from typing import NoReturn, TypeAlias

from q4compile.errors import DataError, Finding

MAX_BYTES = 64_000_000

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def read_object(path: Path) -> dict[str, Json]:
    """The JSON object that is the whole file `path`, each key once.

    Raises:
        DataError: Q561 when there is no such file, it is cut short, not JSON or not an object.
    """
    try:
        text = _text(path)
        found = json.loads(text, object_pairs_hook=_each_key_once)
        if "\\ud" in text.lower():
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as problem:
        _fail(f"{path}:{problem.lineno}", "valid JSON", problem.msg, "the file may be cut short")
    except (UnicodeEncodeError, UnicodeDecodeError) as problem:
        _fail(f"{path}", "UTF-8 text of whole characters", problem.reason)
    except ValueError as problem:
        _fail(f"{path}", "valid JSON", str(problem))
    except RecursionError:
        _fail(f"{path}", "valid JSON", "nested too deeply")
    if not isinstance(found, dict):
        _fail(f"{path}", "a JSON object", f"a {type(found).__name__}")
    return found


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as problem:
        _fail(f"{path}", "a readable file", f"{problem.strerror}")
    if len(data) > MAX_BYTES:
        _fail(f"{path}", f"at most {MAX_BYTES} bytes", f"more than {MAX_BYTES} bytes")
    return data.decode("utf-8")


def _each_key_once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice in one object")
        found[key] = value
    return found


def _fail(at: str, need: str, got: str, fix: str | None = None) -> NoReturn:
    raise DataError(
        Finding("Q561", "the file cannot be read as JSON", at, need, got, fix)
    ) from None
