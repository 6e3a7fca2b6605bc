"""A YAML file → `TrainConfig`: what it says, over the defaults; every mistake at once.

model: paper                 # a preset, or the sizes that differ from the preset small
epochs: 90
disturbance: {join: 0.3}
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from q4compile.errors import DataError, Finding, near, raise_all
from q4compile.speech.config import PRESETS
from q4compile.speech.train import TrainConfig
from q4compile.yaml_lines import Codes, Node, load_yaml

CODES = Codes(unreadable="Q530", duplicate="Q530", forbidden="Q531")
AT_LEAST = {"epochs": 1, "evaluate_every": 1, "batch_seconds": 1, "peak_rate": 0}


def training_settings(name_or_path: str) -> TrainConfig:
    """The settings of a preset (``small``, ``paper``, ``paper-ivector``) or of a YAML file.

    Raises:
        DataError: Q530 for a file that is none, and for every unknown key and wrong value in it;
            Q531 for tags and anchors.
    """
    if name_or_path in PRESETS:
        return TrainConfig(model=PRESETS[name_or_path])
    path = Path(name_or_path)
    if not path.exists():
        raise DataError(_no_such_settings(name_or_path))
    root = load_yaml(path, DataError, CODES)
    if not isinstance(root.value, dict):
        raise DataError(_wrong(root.at, "a mapping of settings", root.shown()))
    merged = asdict(TrainConfig())
    raise_all(DataError, list(_merge(merged, root)))
    try:
        made = TypeAdapter(TrainConfig).validate_json(json.dumps(merged), strict=True)
    except ValidationError as error:
        raise DataError(*(_invalid(root, problem) for problem in error.errors())) from error
    raise_all(DataError, list(_too_small(root, made)))
    return made


def _merge(defaults: dict[str, Any], node: Node) -> Iterator[Finding]:
    """Put what `node` says over `defaults`, in place."""
    assert isinstance(node.value, dict), "called for mappings"
    for key, value in node.value.items():
        known = defaults.get(key)
        if key not in defaults:
            need = f"one of {', '.join(defaults)}"
            yield _wrong(node.key_at(key), need, f"{key!r}", near(key, defaults))
        elif key == "model" and isinstance(value.value, str):
            if value.value in PRESETS:
                defaults[key] = asdict(PRESETS[value.value])
            else:
                need = f"model: one of {', '.join(PRESETS)}, or a mapping of sizes"
                yield _wrong(value.at, need, value.shown(), near(value.value, PRESETS))
        elif isinstance(known, dict) and isinstance(value.value, dict):
            yield from _merge(known, value)
        else:
            defaults[key] = value.plain()


def _invalid(root: Node, problem: Any) -> Finding:
    """What pydantic found, at the line it stands on."""
    node, at = root, root.at
    for step in problem["loc"]:
        if not isinstance(node.value, dict) or step not in node.value:
            break
        at, node = node.key_at(step), node.value[step]
    where = ".".join(str(step) for step in problem["loc"])
    got = json.dumps(problem["input"], ensure_ascii=False)
    return _wrong(at, f"{where}: {problem['msg'].lower()}", got)


def _too_small(root: Node, made: TrainConfig) -> Iterator[Finding]:
    found = asdict(made)
    sizes = {name: size for name, size in found["model"].items() if type(size) is int}
    least = dict.fromkeys(sizes, 1) | {"ivector_dim": 0} | AT_LEAST
    for key, value in (sizes | found).items():
        if key in least and (value < least[key] or (value == 0 and key in AT_LEAST)):
            above = f"at least {least[key]}" if least[key] or key in sizes else "above 0"
            yield _wrong(root.at, f"{key} {above}", f"{value:g}")


def _wrong(at: str, need: str, got: str, fix: str | None = None) -> Finding:
    return Finding("Q530", "a wrong training setting", at, need, got, fix)


def _no_such_settings(name: str) -> Finding:
    need = f"a preset ({', '.join(PRESETS)}) or a YAML file"
    return Finding("Q530", "no such training settings", name, need, "neither", near(name, PRESETS))
