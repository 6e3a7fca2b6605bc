"""One node as its operator's entry sees it: operands as source text, attributes, shapes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from q4compile.qat.emit.sizes import MOST, Size, Sizes, number
from q4compile.quantize.network import Node, Operand

Array = NDArray[Any]


class Unsupported(Exception):
    """What a node asks for and torch (or this package) has not: need and got of a finding."""

    def __init__(self, need: str, got: str) -> None:
        super().__init__(need, got)
        self.need, self.got = need, got


@dataclass(frozen=True)
class Variable:
    """A local variable that holds a tensor."""

    name: str


@dataclass(frozen=True)
class Known:
    """A constant of the model, by its name there."""

    name: str
    array: Array


Value = Variable | Known | Sizes
BY_EXPORTER = re.compile(r".*[/:]|(val|constant|lifted|scalar|tensor)[^.]*$", re.IGNORECASE)
"""Names that exporters give to constants of the code; parameters keep theirs: ``norm.weight``."""


class Scope(Protocol):
    """Where a node stands: what its operands are called there."""

    def value(self, name: str) -> Value:
        """What the value `name` is here."""
        ...

    def tensor(self, operand: Operand, trainable: bool) -> str:
        """Source text of the operand as a tensor, on its grid."""
        ...

    def part(self, operand: Operand) -> str:
        """Key of the parameter that a constant operand becomes."""
        ...

    def grid(self, name: str) -> str:
        """Key of the quantizer that the grid `name` becomes."""
        ...

    def layer(self, node: Node, template: str, parts: Sequence[str]) -> str:
        """``self.<name of the node>``: a module made by `template`, with a field per part."""
        ...

    def state(self, node: Node, kind: str) -> str:
        """Source text of the initial state of a recurrent node, ``None`` for zeros."""
        ...

    def added_bias(self, node: Node) -> Operand | None:
        """The constant vector that the next node adds to the result, if the two are one layer."""
        ...

    def dtype(self, name: str) -> str:
        """Number type of a value by its numpy name, "" where unknown."""
        ...

    def shape(self, name: str) -> tuple[int | str | None, ...] | None:
        """Axes of a value, None where even their number is unknown."""
        ...

    def beside(self) -> str:
        """A variable on the device where everything is."""
        ...


class Site:
    """A node, its operands by position, its attributes with `defaults` filled in."""

    def __init__(self, node: Node, scope: Scope, defaults: Mapping[str, Any]) -> None:
        self.node, self.scope = node, scope
        self.attributes: dict[str, Any] = {**defaults, **node.attributes}

    def __getitem__(self, name: str) -> Any:
        return self.attributes[name]

    def __len__(self) -> int:
        return len(self.node.inputs)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, "" for those nobody takes."""
        return self.node.outputs

    def has(self, index: int) -> bool:
        """Whether input `index` is given."""
        return index < len(self.node.inputs) and bool(self.node.inputs[index].value)

    def value(self, index: int) -> Value | None:
        """What input `index` is, None if it is left out."""
        return self.scope.value(self.node.inputs[index].value) if self.has(index) else None

    def on_grid(self, index: int) -> bool:
        """Whether the node reads input `index` quantized."""
        return self.has(index) and self.node.inputs[index].grid is not None

    def tensor(self, index: int, trainable: bool = False) -> str:
        """Input `index` as a tensor; a constant becomes a member of the component."""
        if not self.has(index):
            raise Unsupported(f"input {index}", "nothing")
        return self.scope.tensor(self.node.inputs[index], trainable)

    def optional(self, index: int, trainable: bool = False) -> str:
        """`tensor`, or ``None``."""
        return self.tensor(index, trainable) if self.has(index) else "None"

    def part(self, index: int) -> str:
        """Key of the parameter that the constant input `index` becomes."""
        return self.scope.part(self.node.inputs[index])

    def layer(self, template: str, parts: Sequence[str]) -> str:
        """``self.<name of the node>``: a module made by `template`, with a field per part."""
        return self.scope.layer(self.node, template, parts)

    def added_bias(self) -> Operand | None:
        """The constant vector that the next node adds to the result, if the two are one layer."""
        return self.scope.added_bias(self.node)

    def tensors(self) -> list[str]:
        """All inputs as tensors."""
        return [self.tensor(index) for index in range(len(self))]

    def number(self, index: int, trained: bool = False) -> str:
        """Input `index` as a number where it is a constant scalar or a length, else as a tensor.

        With `trained`, what was a parameter before export is a tensor in any case.
        """
        value = self.value(index)
        if isinstance(value, Sizes) and value.scalar:
            return value.items[0].operand
        if not isinstance(value, Known) or self.on_grid(index):
            return self.tensor(index)
        if self._is_number(value, index) and not (trained and "." in value.name.strip(".")):
            return spelled(value.array.reshape(())[()])
        return self.tensor(index, trained and not BY_EXPORTER.match(value.name))

    def _is_number(self, value: Known, index: int) -> bool:
        """Whether a Python number can stand for the constant."""
        others = [self.rank(k) for k in range(len(self)) if k != index]
        enough = any(rank is not None and rank >= value.array.ndim for rank in others)
        return value.array.ndim == 0 or (value.array.size == 1 and enough)

    def known(self, index: int) -> Array | None:
        """The constant at input `index`, None if it is none."""
        value = self.value(index)
        return value.array if isinstance(value, Known) else None

    def sizes(self, index: int) -> Sizes | None:
        """Input `index` as Python integers, None where only a tensor holds them."""
        value = self.value(index)
        if isinstance(value, Known):
            return written_out(value.array)
        return value if isinstance(value, Sizes) else None

    def integers(self, index: int) -> str:
        """Source text of a list of integers."""
        sizes = self.sizes(index)
        if sizes is not None:
            return f"[{sizes.text()}]" if sizes.scalar else sizes.text()
        return f"{self.tensor(index)}.tolist()"

    def integer(self, index: int) -> str:
        """Source text of one integer, given as int64[] or int64[1]."""
        sizes = self.sizes(index)
        if sizes is not None and len(sizes.items) == 1:
            return sizes.items[0].text
        return f"int({self.tensor(index)})"

    def constants(self, index: int) -> list[int] | None:
        """The integers at input `index` where they are constants."""
        array = self.known(index)
        if array is None:
            sizes = self.sizes(index)
            values = [each.value for each in sizes.items] if sizes else [None]
            return None if None in values else [v for v in values if v is not None]
        return [int(each) for each in array.reshape(-1)]

    def dtype(self, index: int) -> str:
        """Number type of input `index`, "" where unknown."""
        return self.scope.dtype(self.node.inputs[index].value) if self.has(index) else ""

    def is_integer(self, index: int = 0) -> bool:
        """Whether input `index` holds integers."""
        return "int" in self.dtype(index)

    def shape(self, index: int) -> tuple[int | str | None, ...] | None:
        """Axes of input `index`, None where even their number is unknown."""
        if not self.has(index):
            return None
        array = self.known(index)
        return self.scope.shape(self.node.inputs[index].value) if array is None else array.shape

    def rank(self, index: int = 0) -> int | None:
        """Number of axes of input `index`, None where unknown."""
        shape = self.shape(index)
        return None if shape is None else len(shape)

    def known_rank(self, index: int = 0) -> int:
        """Number of axes of input `index`.

        Raises:
            Unsupported: it is unknown.
        """
        rank = self.rank(index)
        if rank is None:
            name = self.node.inputs[index].value if self.has(index) else ""
            raise Unsupported(f"a known number of axes of '{name}'", "an unknown one")
        return rank

    def axis(self, name: str = "axis", index: int = 0) -> int:
        """The attribute `name` as an axis of input `index`, counted from the front if possible."""
        axis, rank = int(self[name]), self.rank(index)
        return axis + rank if axis < 0 and rank is not None else axis

    def result_dtype(self) -> str:
        """Number type of the first output, "" where unknown."""
        return self.scope.dtype(self.node.outputs[0])


def written_out(array: Array) -> Sizes | None:
    """A constant as integers, None for other numbers, matrices and long lists."""
    if array.dtype not in (np.int64, np.int32) or array.ndim > 1 or array.size > MOST:
        return None
    items = tuple(number(int(each)) for each in array.reshape(-1))
    return Sizes(items, array.ndim == 0, "")


def together(all_sizes: Sequence[Sizes]) -> str:
    """The variable beside which a result of `all_sizes` lies."""
    return next((each.beside for each in all_sizes if each.beside), "")


def pairwise(left: Sizes, right: Sizes) -> list[tuple[Size, Size]]:
    """The items of both, one repeated if it is single; [] where they do not go together."""
    count = max(len(left.items), len(right.items))
    if {len(left.items), len(right.items)} - {1, count}:
        return []
    first, second = (each.items * (count // len(each.items)) for each in (left, right))
    return list(zip(first, second, strict=True))


def spelled(value: Any) -> str:
    """A number, or a list of numbers, as the shortest source text that gives it back."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return f"[{', '.join(spelled(each) for each in value)}]"
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return str(value)
    as_float = float(value)
    if not np.isfinite(as_float):
        return (
            "torch.nan" if np.isnan(as_float) else ("torch.inf" if as_float > 0 else "-torch.inf")
        )
    return _short(value)


def _short(value: Any) -> str:
    """repr of a float, with the digits that its float32 needs if it is one."""
    if isinstance(value, np.float64) or float(np.float32(value)) != float(value):
        return repr(float(value))
    return repr(float(str(np.float32(value))))
