"""The form of a registry entry: an ONNX operator and the torch expression that it becomes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from q4compile.qat.emit.names import literal
from q4compile.qat.emit.site import Site, Unsupported, spelled

Write = Callable[[Site], str]
"""A node → source text of its result: a tensor, or a tuple if the node has several outputs."""


@dataclass(frozen=True)
class Operator:
    """An ONNX operator, how it is written, and the values of the attributes it leaves out."""

    name: str
    write: Write
    defaults: Mapping[str, Any] = field(default_factory=dict)


def inline(name: str, template: str, **defaults: Any) -> Operator:
    """An operator that is one expression: source text with fields for inputs and attributes.

    ``{x} {y} {z}`` are the inputs: ``{x}`` a tensor, ``{y:n}`` a tensor or a number, ``{y:i}`` an
    integer, ``{y:l}`` a list of integers, ``{y:?}`` a tensor or None, ``{y:p}`` a tensor that is
    trained if it is a constant. ``{every}`` are all inputs. Any other name is an attribute, and
    ``{axis:a}`` an axis counted from the front.
    """

    def write(site: Site) -> str:
        return template.format_map(_Fields(site))

    return Operator(name, write, defaults)


INPUTS = {letter: index for index, letter in enumerate("xyzuvw")}


class _Fields(dict[str, Any]):
    """What the names in a template stand for, found only when the template has them."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site

    def __missing__(self, name: str) -> "_Input | _Attribute | str":
        if name in INPUTS:
            return _Input(self.site, INPUTS[name])
        if name == "every":
            return ", ".join(self.site.tensors())
        return _Attribute(self.site, name)


@dataclass(frozen=True)
class _Input:
    site: Site
    index: int

    def __format__(self, kind: str) -> str:
        site, index = self.site, self.index
        if kind == "p":
            return site.tensor(index, trainable=True)
        forms: dict[str, Callable[[int], str]] = {
            "": site.tensor,
            "?": site.optional,
            "i": site.integer,
            "l": site.integers,
            "n": site.number,
        }
        return forms[kind](index)


@dataclass(frozen=True)
class _Attribute:
    site: Site
    name: str

    def __format__(self, kind: str) -> str:
        if self.name not in self.site.attributes:
            raise Unsupported(f"the attribute '{self.name}'", "nothing")
        if kind == "a":
            return str(self.site.axis(self.name))
        return value_text(self.site[self.name])


def value_text(value: Any) -> str:
    """Source text of an attribute's value."""
    if value is None:
        return "None"
    if isinstance(value, (bytes, str)):
        return literal(value.decode() if isinstance(value, bytes) else value)
    return spelled(value)


def call(function: str, *arguments: str, **options: Any) -> str:
    """``function(a, b, option=1)``; options that are None are left out."""
    named = [f"{key}={value_text(value)}" for key, value in options.items() if value is not None]
    return f"{function}({', '.join([*arguments, *named])})"
