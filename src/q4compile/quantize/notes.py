"""What a quantized file says of a grid beside its numbers: metadata of the initializer it lies in.

    W               {"format": "int2", "range": "sawb"}                        codes of a constant
    <value>.scale   {"format": "int8", "range": "lsq", "symmetric": false}     an activation's grid

The key is ``q4compile.grid``. Types and shapes do not tell these: int2 may lie in INT4, int8 lies
in UINT8, and how a range was set shows nowhere else.
"""

import json
from dataclasses import asdict, dataclass

import onnx_ir as ir

from q4compile.numerics.formats import FORMATS

KEY = "q4compile.grid"


@dataclass(frozen=True)
class Note:
    """How a grid came to be."""

    format: str
    range: str
    symmetric: bool = True


def write_note(value: ir.Value, note: Note) -> None:
    """Attach `note` to the initializer `value`."""
    value.metadata_props[KEY] = json.dumps(asdict(note))


def read_note(value: ir.Value) -> Note | None:
    """The note on `value`; None where there is none, or none of ours."""
    try:
        found = json.loads(value.metadata_props[KEY])
        note = Note(str(found["format"]), str(found["range"]), bool(found["symmetric"]))
    except (KeyError, TypeError, ValueError):
        return None
    return note if note.format in FORMATS else None
