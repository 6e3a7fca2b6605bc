"""The operands of one node, each brought onto the grid its plan entry says."""

import onnx_ir as ir

from q4compile.numerics.formats import Format
from q4compile.quantize.activations import Grid, through_float16
from q4compile.quantize.editor import Editor
from q4compile.quantize.encoding import Encoding, Float32
from q4compile.quantize.notes import Note, write_note
from q4compile.quantize.plan import Entry
from q4compile.quantize.rows import Blocking
from q4compile.quantize.subjects import blocking_of
from q4compile.quantize.weights import StoredFloat16, StoredWeight
from q4compile.recipe.scheme import Scheme

FP16 = "fp16"


class Operands:
    """Quantizes values of one model, each value once per grid, however many nodes read it."""

    def __init__(self, editor: Editor) -> None:
        self.editor = editor
        self._activations: dict[tuple[str, bytes, int, str, bool], ir.Value] = {}
        self._grids: dict[tuple[str, bytes, int, str], Grid] = {}
        self._weights: dict[tuple[str, bytes, int, str, bytes, Blocking], StoredWeight] = {}
        self._halves: dict[str, StoredFloat16] = {}
        self._stored: list[tuple[ir.Value, str, ir.Value]] = []

    def activation(
        self, node: ir.Node, value: ir.Value, entry: Entry, codes: bool, again: bool = False
    ) -> ir.Value:
        """`value` as `node` reads it: on its grid, through float16, or as it is.

        A value that is on the grid already stays as it is, unless its codes are wanted, or it is to
        be quantized `again`, which changes nothing.
        """
        if entry.encoding is None:
            return self._float(node, value, entry.scheme.format)
        if entry.inherits is not None and not (codes or again):
            return value
        key = (*_key(str(value.name), entry.encoding), codes)
        if key not in self._activations:
            grid = self.grid(entry)
            self._activations[key] = grid.quantized(node, value, codes)
        return self._activations[key]

    def grid(self, entry: Entry) -> Grid:
        """The constants of the encoding of an activation, named after the value it is made for."""
        assert entry.encoding is not None, "floats have no grid"
        name = entry.inherits or entry.site.value_name
        key = _key(name, entry.encoding)
        if key not in self._grids:
            taken = any(known[0] == name for known in self._grids)
            unique = self.editor.fresh(f"{name}.grid") if taken else name
            self._grids[key] = Grid(self.editor, unique, entry.encoding, _note(entry.scheme))
        return self._grids[key]

    def stored(self, value: ir.Value, entry: Entry) -> StoredWeight:
        """The constant `value` as codes in the file."""
        assert entry.encoding is not None, "only integer schemes store codes"
        rows, encoding = blocking_of(entry.site, entry.scheme), entry.encoding
        together = b"" if encoding.codes is None else encoding.codes.tobytes()
        key = (*_key(str(value.name), encoding), together, rows)
        if key not in self._weights:
            name = self._name(value)
            weight = StoredWeight(self.editor, name, _array(value), rows, encoding)
            write_note(weight.value, _note(entry.scheme))
            self._stored.append((value, name, weight.value))
            self._weights[key] = weight
        return self._weights[key]

    def constant(self, node: ir.Node, value: ir.Value, entry: Entry) -> ir.Value:
        """The constant `value` as float32, read from what the file stores."""
        if entry.encoding is not None:
            return self.stored(value, entry).as_dequantized(node)
        if entry.scheme.format.name == FP16:
            return self._half(value).as_float(node)
        return value

    def settle(self) -> None:
        """Give each stored constant its own name, now that nothing reads the float one."""
        for original, name, stored in self._stored:
            if name == original.name:
                if original.uses() or original.is_graph_output():
                    continue
                del self.editor.graph.initializers[name]
            stored.name = name

    def _half(self, value: ir.Value) -> StoredFloat16:
        key = str(value.name)
        if key not in self._halves:
            name = self._name(value)
            self._halves[key] = StoredFloat16(self.editor, name, _array(value))
            self._stored.append((value, name, self._halves[key].value))
        return self._halves[key]

    def _name(self, value: ir.Value) -> str:
        """The constant's own name; a numbered one where two nodes want it stored differently."""
        taken = any(original is value for original, _, _ in self._stored)
        return self.editor.fresh(str(value.name)) if taken else str(value.name)

    def _float(self, node: ir.Node, value: ir.Value, format: Format) -> ir.Value:
        if format.name != FP16:
            return value
        key = (str(value.name), b"", 0, FP16, False)
        if key not in self._activations:
            self._activations[key] = through_float16(self.editor, node, value)
        return self._activations[key]


def _key(name: str, encoding: Encoding) -> tuple[str, bytes, int, str]:
    return name, encoding.scales.tobytes(), encoding.zero_point, encoding.format.name


def _note(scheme: Scheme) -> Note:
    return Note(scheme.format.name, str(scheme.range), scheme.symmetric)


def _array(value: ir.Value) -> Float32:
    tensor = value.const_value
    assert tensor is not None, f"{value.name} is a constant"
    return tensor.numpy()
