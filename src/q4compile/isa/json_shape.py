"""Frozen dataclasses ↔ JSON values, by their annotations: nothing unknown, nothing missing.

int → number without a fraction, of 64 bits    float → text, ``0x1.8p+3``
str → text                                     tuple → list
dataclass → object with all of its fields as keys    None → null
"""

import dataclasses
import math
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

MAX_INTEGER = 2**63 - 1
Report = Callable[[str, str, str], None]
"""Takes where, need and got."""

WRONG = object()
"""What stands for a value of another type; its report is made."""
WORDS = {dict: "an object", list: "a list", bool: "true or false", float: "a fraction"}


def to_json(value: Any) -> Any:
    """What the JSON of `value` is made of."""
    if dataclasses.is_dataclass(value):
        return {each.name: to_json(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [to_json(each) for each in value]
    return float(value).hex() if isinstance(value, float) else value


def from_json(hint: Any, value: Any, at: str, report: Report) -> Any:
    """The value of type `hint`, or `WRONG` after a report."""
    if dataclasses.is_dataclass(hint):
        return _instance(hint, value, at, report)
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), value, at, report)
    if hint is float:
        return _float(value, at, report)
    if get_origin(hint) is Literal:
        return _checked(value in get_args(hint), _words(hint), value, at, report)
    kinds = get_args(hint) if get_origin(hint) is UnionType else (hint,)
    return _checked(any(_is(kind, value) for kind in kinds), _words(hint), value, at, report)


def _instance(kind: Any, value: Any, at: str, report: Report) -> Any:
    hints = get_type_hints(kind)
    if not isinstance(value, dict):
        report(at, "an object", shown(value))
        return WRONG
    for key in sorted(value.keys() - hints.keys()):
        report(at, f"only the keys {', '.join(hints)}", shown(key))
    for key in sorted(hints.keys() - value.keys()):
        report(at, f"the key {key}", "no such key")
    if value.keys() != hints.keys():
        return WRONG
    found = {key: from_json(hint, value[key], f"{at}.{key}", report) for key, hint in hints.items()}
    return WRONG if any(each is WRONG for each in found.values()) else kind(**found)


def _tuple(hints: tuple[Any, ...], value: Any, at: str, report: Report) -> Any:
    open_ended = hints[-1] is Ellipsis
    if not isinstance(value, list) or not (open_ended or len(value) == len(hints)):
        got = f"a list of {len(value)}" if isinstance(value, list) else shown(value)
        report(at, "a list" if open_ended else f"a list of {len(hints)}", got)
        return WRONG
    each = hints[:1] * len(value) if open_ended else hints
    items = zip(each, value, strict=True)
    found = [from_json(hint, one, f"{at}[{i}]", report) for i, (hint, one) in enumerate(items)]
    return WRONG if any(each is WRONG for each in found) else tuple(found)


def _float(value: Any, at: str, report: Report) -> Any:
    try:
        number = float.fromhex(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    right = math.isfinite(number) and number.hex() == value
    checked = _checked(
        right, "a finite number as text, such as 0x1.8000000000000p+3", value, at, report
    )
    return WRONG if checked is WRONG else number


def _is(kind: Any, value: Any) -> bool:
    if kind is NoneType:
        return value is None
    if kind is int:
        return type(value) is int and abs(value) <= MAX_INTEGER
    return isinstance(value, kind)


def _words(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(get_args(hint))
    words = {
        int: "an integer of 64 bits",
        str: "text",
        int | str: "an integer or text",
        int | None: "an integer or null",
    }
    return words[hint]


def _checked(right: bool, need: str, value: Any, at: str, report: Report) -> Any:
    if not right:
        report(at, need, shown(value))
        return WRONG
    return value


def shown(value: Any) -> str:
    """What stands there, short enough for an error."""
    if type(value) in WORDS:
        return WORDS[type(value)]
    return "null" if value is None else repr(value)[:80]
