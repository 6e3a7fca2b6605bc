"""The operands of one node, each brought onto the grid its plan entry says."""

import onnx_ir as ir

from q4compile.numerics.formats import Format
from q4compile.quantize.activations import Grid, through_float16
from q4compile.quantize.editor import Editor
from q4compile.quantize.encoding import Encoding
from q4compile.quantize.plan import Entry, blocking_of
from q4compile.quantize.weights import StoredWeight, store_float16

FP16 = "fp16"


class Operands:
    """Quantizes values of one model, each value once per grid, however many nodes read it."""

    def __init__(self, editor: Editor) -> None:
        self.editor = editor
        self._activations: dict[tuple[str, bytes, int, str, bool], ir.Value] = {}
        self._grids: dict[tuple[str, bytes, int, str], Grid] = {}

    def activation(self, node: ir.Node, value: ir.Value, entry: Entry, codes: bool) -> ir.Value:
        """`value` as `node` reads it: on its grid, through float16, or as it is.

        A value that is on the grid already stays as it is, unless its codes are wanted.
        """
        if entry.encoding is None:
            return self._float(node, value, entry.scheme.format)
        if entry.inherits is not None and not codes:
            return value
        key = (*_key(str(value.name), entry.encoding), codes)
        if key not in self._activations:
            grid = self.grid(entry.inherits or str(value.name), entry.encoding)
            self._activations[key] = grid.quantized(node, value, codes)
        return self._activations[key]

    def grid(self, name: str, encoding: Encoding) -> Grid:
        """The constants of `encoding`, named after the value called `name`."""
        key = _key(name, encoding)
        if key not in self._grids:
            taken = any(known[0] == name for known in self._grids)
            unique = self.editor.fresh(f"{name}.grid") if taken else name
            self._grids[key] = Grid(self.editor, unique, encoding)
        return self._grids[key]

    def stored(self, value: ir.Value, entry: Entry) -> StoredWeight:
        """The constant `value` as codes in the file."""
        assert entry.encoding is not None, "only integer schemes store codes"
        return StoredWeight(self.editor, value, blocking_of(entry.site, entry.scheme), entry.encoding)

    def constant(self, node: ir.Node, value: ir.Value, entry: Entry) -> ir.Value:
        """The constant `value` as float32, read from what the file stores."""
        if entry.encoding is not None:
            return self.stored(value, entry).as_dequantized(node)
        if entry.scheme.format.name == FP16:
            return store_float16(self.editor, node, value)
        return value

    def _float(self, node: ir.Node, value: ir.Value, format: Format) -> ir.Value:
        if format.name != FP16:
            return value
        key = (str(value.name), b"", 0, FP16, False)
        if key not in self._activations:
            self._activations[key] = through_float16(self.editor, node, value)
        return self._activations[key]


def _key(name: str, encoding: Encoding) -> tuple[str, bytes, int, str]:
    return name, encoding.scales.tobytes(), encoding.zero_point, encoding.format.name
