"""``absorb(model, tensors)``: trained numbers back into the QDQ file they came from, by name.

    codes = the nearest to value / scale, as the trained module computes them
    scales, zero points, ends of grids, float16 and float32 constants: as they were trained

The graph stays as it is, and so does what calibration alone knows: the metadata ``cell_range`` and
``gate_range`` say what was seen before training.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import onnx_ir as ir

from q4compile.errors import ModelError, raise_all
from q4compile.numerics.formats import FORMATS
from q4compile.numerics.rounding import quantize
from q4compile.quantize.absorb_bias import bias_codes
from q4compile.quantize.absorb_findings import shifted, slots_of
from q4compile.quantize.absorb_put import Written, put
from q4compile.quantize.encoding import Encoding, Float32, weight_codes, within_float16
from q4compile.quantize.network import Array, WeightGrid
from q4compile.quantize.network_constants import StoredConstant
from q4compile.quantize.network_grids import Quantizer, end_value
from q4compile.quantize.network_read import Located, locate
from q4compile.quantize.rows import Blocking
from q4compile.quantize.slots import misfits
from q4compile.quantize.weights import codes_tensor

Tensors = Mapping[str, Array]
"""``<weight>``, ``<weight>.scale``, ``<grid>.scale``, ``<grid>.zero_point``, ``<constant>``."""


def absorb(model: ir.Model, tensors: Tensors) -> ir.Model:
    """A copy of `model` with the numbers of `tensors`; those of an untrained package change none.

    Args:
        model: as `graph.read.read_model` gives it: a float one, or quantized in form qdq.
        tensors: of every weight and every grid; constants that are not among them stay.

    Raises:
        ModelError: Q132, Q133 as `read_network`; Q157 if no name fits; Q152 to Q155 for tensors
            that are missing, unknown, misshapen, not finite or not above 0, Q158 for what the file
            cannot hold: all that apply.
    """
    copy = model.clone()
    located = locate(copy)
    slots = slots_of(located.network, tensors)
    raise_all(ModelError, list(misfits(slots, tensors)))
    raise_all(ModelError, list(shifted(located, tensors)))
    raise_all(ModelError, put(copy.graph, list(_written(located, tensors))))
    return copy


def changed_codes(before: ir.Model, after: ir.Model, names: Iterable[str]) -> tuple[int, int]:
    """How many codes differ between two models of one graph, and how many there are.

    Counts the initializers among `names` that hold codes and have scales among them.
    """
    changed = total = 0
    given = set(names)
    for name in given & before.graph.initializers.keys():
        old, new = (_tensor(model.graph.initializers[name]) for model in (before, after))
        if old.dtype.is_integer() and f"{name}.scale" in given:
            total += old.size
            changed += int(np.count_nonzero(old.numpy() != new.numpy()))
    return changed, total


def stored_scales(grid: WeightGrid, scales: Array) -> Float32:
    """`scales` as a file with `grid` stores them: float16 numbers where float16 holds them all."""
    flat = scales.astype(np.float32).reshape(-1)
    if grid.half_scales and within_float16(flat):
        return flat.astype(np.float16).astype(np.float32)
    return flat


def _written(located: Located, tensors: Tensors) -> Iterator[Written]:
    network = located.network
    scales = {
        name: stored_scales(grid, tensors[f"{name}.scale"])
        for name, grid in network.weights.items()
    }
    for name, grid in network.weights.items():
        yield from _weight(tensors[name], scales[name], located.constants[name], grid)
    for name in network.grids:
        for each in located.quantizers[name]:
            scale = np.float32(tensors[f"{name}.scale"])
            yield from _grid(scale, int(tensors[f"{name}.zero_point"]), each)
    for name in network.constants.keys() - network.weights.keys():
        if name not in tensors:
            continue
        found = located.constants.get(name)
        if found is not None and found.shifted:
            yield _shifted(located, name, tensors)
        elif found is not None and not found.is_half:
            yield from bias_codes(located, name, tensors, scales)
        else:
            stored = found.stored if found is not None else located.initializers[name]
            yield Written(stored, _as(stored, tensors[name]))


def _weight(
    value: Array, scales: Float32, found: StoredConstant, grid: WeightGrid
) -> Iterator[Written]:
    assert found.scales is not None, "weights have scales"
    if not _tensor(found.stored).dtype.is_integer():
        yield Written(found.stored, _as(found.stored, value))
    else:
        kind = FORMATS[grid.format]
        lo, hi = kind.codes(narrow=grid.narrow)
        rows = Blocking(value.shape, grid.channel_axes, grid.row_elements)
        codes = weight_codes(value, rows, Encoding(kind, scales, 0, lo, hi))
        moved = codes.astype(np.int32) + found.offset
        yield Written(found.stored, codes_tensor(moved, _tensor(found.stored).dtype))
    half = _tensor(found.scales).dtype == ir.DataType.FLOAT16 and within_float16(scales)
    shaped = scales.reshape(_tensor(found.scales).shape.numpy())
    yield Written(found.scales, ir.Tensor(shaped.astype(np.float16 if half else np.float32)))


def _grid(scale: np.float32, zero_point: int, found: Quantizer) -> Iterator[Written]:
    grid = replace(found.grid, scale=scale, zero_point=zero_point)
    yield Written(found.scale, _as(found.scale, scale), found.readers)
    if found.zero_point is not None:
        kind = _tensor(found.zero_point)
        stored = np.full(kind.shape.numpy(), zero_point + found.offset, np.int32)
        yield Written(found.zero_point, codes_tensor(stored, kind.dtype), found.readers)
    ends = (FORMATS[grid.format].code_min, FORMATS[grid.format].code_max)
    for value, code in zip(found.ends, ends, strict=False):
        yield Written(value, _as(value, end_value(grid, code)))


def _shifted(located: Located, name: str, tensors: Tensors) -> Written:
    """The codes of a constant on the grid that its readers read it on."""
    operands = (each for node in located.network.nodes for each in node.inputs)
    read = next(operand.grid for operand in operands if operand.value == name)
    assert read is not None, "a constant with a zero point has a grid"
    kind = FORMATS[located.network.grids[read].format]
    scale, zero_point = tensors[f"{read}.scale"], int(tensors[f"{read}.zero_point"])
    codes = quantize(tensors[name], scale, zero_point, *kind.codes())
    stored, offset = located.constants[name].stored, located.quantizers[read][0].offset
    return Written(stored, codes_tensor(codes.astype(np.int32) + offset, _tensor(stored).dtype))


def _as(value: ir.Value, numbers: Array | np.generic) -> ir.TensorProtocol:
    """`numbers` in the type and shape that `value` has in the file."""
    kind = _tensor(value)
    array = np.asarray(numbers).astype(kind.dtype.numpy()).reshape(kind.shape.numpy())
    return ir.Tensor(np.asarray(array, order="C"), dtype=kind.dtype)


def _tensor(value: ir.Value) -> ir.TensorProtocol:
    assert value.const_value is not None, f"{value.name} is an initializer"
    return value.const_value
