"""`scheme: {...}` → `Scheme`."""

from q4compile.numerics.formats import FORMATS, Format, format_named
from q4compile.recipe.fields import (
    Pairs,
    Report,
    read_choice,
    read_flag,
    read_number,
    read_pairs,
    read_text,
)
from q4compile.recipe.findings import (
    bad_value,
    misfit,
    missing_key,
    unknown_word,
)
from q4compile.recipe.granularity import PER_TENSOR, SPELLINGS, Granularity
from q4compile.recipe.scheme import DEFAULT_PERCENTILE, DEFAULT_RANGE, NEAREST, ROUNDINGS, Scheme
from q4compile.recipe.setters import SETTERS
from q4compile.yaml_lines import Node

KEYS = ("format", "granularity", "range", "symmetric", "percentile", "clip", "rounding")
SETTER_NAMES = tuple(setter.name for setter in SETTERS)
OWNER = {setter.parameter: setter.name for setter in SETTERS if setter.parameter}


def read_scheme(node: Node, report: Report) -> Scheme | None:
    """The scheme, or None with everything that is wrong with it reported."""
    pairs = read_pairs(node, "scheme", KEYS, report)
    if pairs is None:
        return None
    if "format" not in pairs:
        report(missing_key(node.at, "scheme", "format", pairs))
        return None
    name = read_choice(pairs["format"], "format", tuple(FORMATS), report)
    if name is None:
        return None
    fmt = format_named(name)
    return _float(fmt, pairs, report) if fmt.is_float else _integer(fmt, pairs, node, report)


def _float(fmt: Format, pairs: Pairs, report: Report) -> Scheme:
    for key, value in pairs.items():
        if key != "format":
            report(misfit(value.at, f"no {key}: {fmt} has no scale to set", f"{key} is given"))
    return Scheme(fmt)


def _integer(fmt: Format, pairs: Pairs, node: Node, report: Report) -> Scheme | None:
    setter = _setter(pairs, report)
    granularity = _granularity(pairs, report)
    if setter is None or granularity is None:
        return None
    for key, owner in OWNER.items():
        if key in pairs and owner != setter:
            report(misfit(pairs[key].at, f"{key} goes with range {owner}", f"range {setter}"))
    if setter == "fixed" and "clip" not in pairs:
        report(misfit(node.at, "range fixed needs clip: a number or [low, high]", "no clip"))
    symmetric = read_flag(pairs["symmetric"], "symmetric", report) if "symmetric" in pairs else True
    scheme = Scheme(
        format=fmt,
        granularity=granularity,
        range=setter,
        symmetric=symmetric is not False,
        percentile=_percentile(pairs, report) if setter == "percentile" else None,
        clip=_clip(fmt, pairs, symmetric is not False, report) if setter == "fixed" else None,
        rounding=_rounding(pairs, report),
    )
    for key, need, got in scheme.invalid():
        report(misfit(pairs[key].at, need, got))
    return scheme


def _setter(pairs: Pairs, report: Report) -> str | None:
    if "range" not in pairs:
        return DEFAULT_RANGE
    name = read_text(pairs["range"], "range", report)
    if name is None or name in SETTER_NAMES:
        return name
    report(unknown_word(pairs["range"].at, "range setter", name, SETTER_NAMES))
    return None


def _rounding(pairs: Pairs, report: Report) -> str:
    if "rounding" not in pairs:
        return NEAREST
    return read_choice(pairs["rounding"], "rounding", ROUNDINGS, report) or NEAREST


def _granularity(pairs: Pairs, report: Report) -> Granularity | None:
    if "granularity" not in pairs:
        return PER_TENSOR
    text = read_text(pairs["granularity"], "granularity", report)
    found = Granularity.parse(text) if text is not None else None
    if text is not None and found is None:
        report(unknown_word(pairs["granularity"].at, "granularity", text, SPELLINGS))
    return found


def _percentile(pairs: Pairs, report: Report) -> float | None:
    if "percentile" not in pairs:
        return DEFAULT_PERCENTILE
    return read_number(pairs["percentile"], "percentile", report)


def _clip(fmt: Format, pairs: Pairs, symmetric: bool, report: Report) -> tuple[float, float] | None:
    """``c`` → (−c, c), or (0, c) if unsigned and symmetric; ``[low, high]`` as it is."""
    if "clip" not in pairs:
        return None
    node = pairs["clip"]
    if not isinstance(node.value, tuple):
        high = read_number(node, "clip", report)
        return None if high is None else (0.0 if symmetric and not fmt.signed else -high, high)
    ends = [read_number(each, "clip", report) for each in node.value]
    if len(ends) != 2:
        report(bad_value(node.at, "clip", "a number or [low, high]", f"{len(ends)} numbers"))
        return None
    low, high = ends
    return None if low is None or high is None else (low, high)
