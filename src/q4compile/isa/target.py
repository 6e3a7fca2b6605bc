"""A target: the sizes and speeds of one accelerator. Its YAML has the same names.

A value stands in the file itself, or else in the nearest of its bases that has it; `name` in the
file itself. What the instruction set fixes is not here: 4 loop levels, 16 address and 16 scalar
registers, 16 semaphores of 8 bits.
"""

from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated

from q4compile.errors import Finding, TargetError, raise_all
from q4compile.isa.canonical_json import canonical_json
from q4compile.isa.limits import Limits, Positive
from q4compile.isa.target_findings import (
    YAML_CODES,
    bad_value,
    looping_base,
    no_mapping,
    no_such_target,
)
from q4compile.isa.target_parts import Dram, Energy, Host, Matrix, Ring, Sequencer, Sram, Vector
from q4compile.isa.target_values import Report, check_keys, read_values
from q4compile.yaml_lines import Node, load_yaml

BASE = "base"


@dataclass(frozen=True)
class Target:
    """One accelerator."""

    name: str
    clock_ghz: Positive
    cores: Annotated[int, Limits(True, 1, 64)]
    matrix: Matrix
    sram: Sram
    dram: Dram
    vector: Vector
    sequencer: Sequencer
    ring: Ring
    host: Host
    energy: Energy

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of all values as canonical JSON, 32 bytes: programs are made for these values."""
        return sha256(canonical_json(asdict(self))).digest()


def load_target(name_or_path: str | Path) -> Target:
    """The target in a file, or else the shipped one of that name (``rapid1``).

    Raises:
        TargetError: Q300 to Q306, all that apply.
    """
    findings: list[Finding] = []
    files = _with_bases(_resolve(str(name_or_path), Path(), None), findings.append)
    for each in files:
        check_keys(Target, each, "target", findings.append, also=(BASE,))
    raise_all(TargetError, findings)
    target: Target = read_values(Target, files, "target", findings.append)
    raise_all(TargetError, findings)
    return target


def shipped_targets() -> dict[str, Path]:
    """Name → file, in order of names."""
    packaged = Path(__file__).parents[1] / "recipe" / "shipped"
    folder = packaged if packaged.is_dir() else Path(__file__).parents[3] / "recipes"
    return dict(sorted((path.stem, path) for path in (folder / "targets").glob("*.yaml")))


def _resolve(name: str, beside: Path, at: str | None) -> Path:
    """A file as it is; a name that is no file, among the shipped ones."""
    path, shipped = beside / name, shipped_targets()
    if _is_file(path):
        return path
    if name.removesuffix(".yaml") not in shipped:
        raise TargetError(no_such_target(name, tuple(shipped), at))
    return shipped[name.removesuffix(".yaml")]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than the file system has them
        return False


def _with_bases(path: Path, report: Report) -> list[Node]:
    """The mapping of the file, then those of its bases, nearest first."""
    files: list[Node] = []
    chain: list[Path] = []
    at = ""
    while True:
        chain.append(path.resolve())
        if chain[-1] in chain[:-1]:
            raise TargetError(looping_base(at, [each.name for each in chain]))
        root = load_yaml(path, TargetError, YAML_CODES)
        if not isinstance(root.value, dict):
            raise TargetError(no_mapping(root.at, "target", root.shown()))
        files.append(root)
        base = root.value.get(BASE)
        if base is None:
            return files
        at = base.at
        if not isinstance(base.value, str) or not base.value:
            report(bad_value(at, BASE, "the name or file of a target", base.shown()))
            return files
        path = _resolve(base.value, path.parent, at)
