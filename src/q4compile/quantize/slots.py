"""What a file of weights may hold for each tensor of a package, and what is wrong with the rest."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from q4compile.errors import Finding, near

Arrays = Mapping[str, NDArray[Any]]
HINTED = 20
"""So many misnamed tensors get a near name: a search among all costs seconds where all are."""


@dataclass(frozen=True)
class Slot:
    """A tensor of this shape and type, finite unless it is a `constant`, which is not trained.

    A scale is above 0; a zero point is one of `codes`. `layer` is where the module lies.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    layer: str
    kind: Literal["weight", "constant", "scale", "zero point"] = "weight"
    codes: tuple[int, int] = (0, 0)

    @property
    def finite(self) -> bool:
        """Whether all numbers have to be; a mask may well hold −∞."""
        return self.kind != "constant"


def misfits(slots: Mapping[str, Slot], given: Arrays) -> Iterator[Finding]:
    """Q157 for tensors of another network; else Q152 to Q155 and Q158, one per tensor."""
    if slots and not slots.keys() & given.keys():
        names = [f"tensors such as '{min(each)}'" if each else "none" for each in (slots, given)]
        yield Finding("Q157", "weights of another model", "the weights", *names)
        return
    hinted = set(sorted(slots.keys() ^ given.keys())[:HINTED])
    for name in sorted(slots.keys() | given.keys()):
        finding = _misfit(name, slots, given, name in hinted)
        if finding is not None:
            yield finding


def _misfit(name: str, slots: Mapping[str, Slot], given: Arrays, hinted: bool) -> Finding | None:
    if name not in slots:
        need = "only tensors of the network"
        fix = near(name, slots.keys() - given.keys()) if hinted else None
        return Finding("Q152", "a tensor that no layer has", f"'{name}'", need, "no layer", fix)
    slot, at = slots[name], f"'{name}' of layer {slots[name].layer}"
    if name not in given:
        fix = near(name, given.keys() - slots.keys()) if hinted else None
        return Finding("Q152", "a tensor is missing", at, _typed(slot), "no such name", fix)
    array = given[name]
    if array.shape != slot.shape:
        return Finding("Q153", "a tensor of another shape", at, _typed(slot), _typed(array))
    if not np.can_cast(array.dtype, slot.dtype, "same_kind"):
        return Finding("Q158", "a tensor of another type", at, _typed(slot), _typed(array))
    return _unusable(at, slot, array)


def _unusable(at: str, slot: Slot, array: NDArray[Any]) -> Finding | None:
    """Q154, Q155 or Q158 for numbers that the layer cannot have."""
    with np.errstate(over="ignore"):
        array = array.astype(slot.dtype)
    wrong = array.size - int(np.isfinite(array).sum())
    if wrong and slot.finite:
        got = f"{wrong} of {array.size} are not"
        fix = "train on from an earlier state, at a lower rate"
        return Finding("Q154", "weights that are no numbers", at, "finite numbers", got, fix)
    if slot.kind == "scale" and bool((array <= 0).any()):
        got, fix = f"{array.min():g}", "train with a lower rate for the grids"
        return Finding("Q155", "a clip that is not above 0", at, "scales above 0", got, fix)
    lo, hi = slot.codes
    if slot.kind == "zero point" and not lo <= int(array) <= hi:
        need = f"a code from {lo} to {hi}"
        return Finding("Q158", "a number that the file cannot hold", at, need, f"{array}")
    return None


def _typed(tensor: "Slot | NDArray[Any]") -> str:
    return f"{tensor.dtype.name} {list(tensor.shape)}"
