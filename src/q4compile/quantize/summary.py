"""What quantization did to a model, as figures and rows: what records and tables are made of.

ratio = bytes of the float32 parameters ÷ bytes of all constants in the file that was written
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnx_ir as ir

from q4compile.graph.inspect import inspect
from q4compile.graph.write import weight_bytes
from q4compile.numerics.formats import Format
from q4compile.quantize.leftover import Leftover, leftover, parameters
from q4compile.quantize.packed_size import packed_bytes
from q4compile.quantize.plan import Entry, Plan

LOW_BITS = 4


@dataclass(frozen=True)
class Compression:
    """Both sums of the ratio."""

    float32_bytes: int
    data_bytes: int
    """Codes (packed), scales, zero points, biases, tables and shapes: every constant."""
    packed_bytes: int
    """The same with codes of 2 and 3 bits at their own width, as a program holds them."""

    @property
    def ratio(self) -> float:
        """Of the two."""
        return self.float32_bytes / self.data_bytes

    def figures(self) -> dict[str, float]:
        """As a record has them."""
        return {
            "compression_ratio": self.ratio,
            "packed_compression_ratio": self.float32_bytes / self.packed_bytes,
            "float32_parameter_bytes": self.float32_bytes,
            "data_bytes": self.data_bytes,
            "packed_bytes": self.packed_bytes,
        }

    def __str__(self) -> str:
        return f"{self.ratio:.2f}x = {self.float32_bytes} bytes / {self.data_bytes} bytes"


@dataclass(frozen=True)
class Wider:
    """Tensors of one role that a rule left above 4 bits, and its reason."""

    component: str
    role: str
    format: str
    tensors: int
    elements: int
    """Of constants; activations have none."""
    rule: str
    why: str


def compression(model: ir.Model, written: Path) -> Compression:
    """Of the float model `model` into the file `written`, measured on that file."""
    parameters = inspect(model).parameter_bytes_as_float32
    made = ir.load(written)
    return Compression(parameters, weight_bytes(made), packed_bytes(made))


def figures(plan: Plan, model: ir.Model, written: Path) -> dict[str, float]:
    """The figures of a record; `lstm_int4_share` only for a model with recurrent nodes."""
    sums, share = compression(model, written), inspect(ir.load(written)).lstm_int4_share
    found: dict[str, float] = {
        **sums.figures(),
        "file_bytes": file_bytes(written),
        "unquantized_parameters": parameters(leftover(model, plan)),
        **counts(plan.entries),
    }
    return found if share is None else {**found, "lstm_int4_share": share}


def file_bytes(path: Path) -> int:
    """Of an ONNX file and of the files its weights lie in."""
    tensors = (value.const_value for value in ir.load(path).graph.initializers.values())
    beside = {Path(each.path) for each in tensors if isinstance(each, ir.ExternalTensor)}
    return sum(each.stat().st_size for each in (path, *beside))


def counts(entries: Iterable[Entry]) -> dict[str, int]:
    """How many tensors there are of 4 bits and fewer, of 8, of 16, and float ones."""
    found = Counter(_width(entry.scheme.format) for entry in entries)
    return {f"{name}_tensors": found[name] for name in ("int4", "int8", "int16", "float")}


def weights_by_format(plan: Plan) -> dict[str, dict[str, int]]:
    """Component → format → elements of constants, each constant counted once."""
    found: dict[str, Counter[str]] = {}
    for entry in {entry.site.value_name: entry for entry in constants(plan)}.values():
        formats = found.setdefault(entry.site.component, Counter())
        formats[str(entry.scheme.format)] += elements(entry)
    return {component: dict(sorted(formats.items())) for component, formats in found.items()}


def above_four_bits(plan: Plan) -> list[Wider]:
    """Everything that stayed wider, grouped by component, rule, role and format."""
    groups: dict[tuple[str, str, str, str], list[Entry]] = {}
    for entry in plan.entries:
        if entry.scheme.format.bits > LOW_BITS:
            rule = entry.decision.rule
            name = rule.name if rule is not None else ""
            key = (entry.site.component, entry.site.role, str(entry.scheme.format), name)
            groups.setdefault(key, []).append(entry)
    return [
        Wider(component, role, kind, len(group), sum(map(elements, group)), name, _why(group[0]))
        for (component, role, kind, name), group in groups.items()
    ]


def plan_details(plan: Plan, found: Sequence[Leftover]) -> dict[str, Any]:
    """All of the plan as JSON: sums, what stayed wider, what it left over, and a row per tensor."""
    return {
        "recipe": plan.recipe.name,
        "weights_by_format": weights_by_format(plan),
        "above_four_bits": [asdict(each) for each in above_four_bits(plan)],
        "unquantized": [asdict(each) for each in found],
        "plan": [plan_row(entry) for entry in plan.entries],
    }


def plan_row(entry: Entry) -> dict[str, Any]:
    """One tensor as JSON: what it is, which rule decided, and the grid that came of it."""
    site, rule = entry.site, entry.decision.rule
    return {
        "component": site.component,
        "node": site.node_name,
        "op": site.op,
        "role": site.role,
        "tensor": site.value_name,
        "shape": list(site.shape or ()),
        "scheme": str(entry.scheme),
        "format": str(entry.scheme.format),
        "rule": None if rule is None else rule.name,
        "rule_at": None if rule is None else rule.at,
        "inherits": entry.inherits,
        "observed": None if entry.seen is None else list(entry.seen),
        **_grid(entry),
    }


def constants(plan: Plan) -> list[Entry]:
    """The entries of weights, biases and tables."""
    return [entry for entry in plan.entries if entry.site.is_constant]


def elements(entry: Entry) -> int:
    """Of a constant; 0 for an activation."""
    shape = (axis for axis in entry.site.shape or () if isinstance(axis, int))
    return math.prod(shape) if entry.site.is_constant else 0


def _grid(entry: Entry) -> dict[str, Any]:
    encoding = entry.encoding
    if encoding is None:
        return {"scales": 0, "scale": None, "zero_point": None, "clip": None}
    single = encoding.scales.size == 1
    return {
        "scales": int(encoding.scales.size),
        "scale": encoding.scale if single else None,
        "zero_point": encoding.zero_point,
        "clip": list(encoding.clip) if single else None,
    }


def _width(format: Format) -> str:
    if format.is_float:
        return "float"
    return "int4" if format.bits <= LOW_BITS else f"int{format.bits}"


def _why(entry: Entry) -> str:
    return entry.decision.rule.why if entry.decision.rule is not None else ""
