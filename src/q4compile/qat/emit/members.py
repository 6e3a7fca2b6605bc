"""What a component's constructor makes: parameters, quantizers and layers, each written once.

A parameter or quantizer that one layer alone uses is written inside that layer's brackets; one
that several use, or the forward code itself, is an attribute of its own; one that several
components use belongs to the first and is handed to the others.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from q4compile.qat.emit.names import MODULE_NAMES, Names

Resolve = Callable[[str], str]
"""Key of a part → its source text where it is used."""


@dataclass(frozen=True)
class Part:
    """A parameter or quantizer: `key` is its kind and ONNX name, `text` its constructor call."""

    key: str
    kind: str
    text: str
    trained: bool = True


@dataclass(frozen=True)
class Layer:
    """A module made of parts: `write` gives its constructor call, given what its parts are."""

    attribute: str
    parts: tuple[str, ...]
    write: Callable[[Resolve], str]


@dataclass
class Members:
    """The members of one component, in the order in which its code first needs them."""

    names: Names = field(default_factory=lambda: Names(MODULE_NAMES))
    parts: dict[str, Part] = field(default_factory=dict)
    layers: dict[str, Layer] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)

    def part(self, part: Part, wanted: str) -> str:
        """The attribute that holds `part`, called `wanted` if it is new and that is free."""
        if part.trained or part.key not in self.parts:  # trained if any of its users trains it
            self.parts[part.key] = part
        if part.key not in self.attributes:
            self.attributes[part.key] = self.names.fresh(wanted)
        return self.attributes[part.key]

    def layer(self, wanted: str, parts: Iterable[str], write: Callable[[Resolve], str]) -> str:
        """The attribute that holds a new layer."""
        attribute = self.names.fresh(wanted)
        self.layers[attribute] = Layer(attribute, tuple(parts), write)
        return attribute

    def uses(self, called: Iterable[str]) -> Counter[str]:
        """Part → how often it is used, where forward code calls the attributes `called`."""
        found = set(called)
        uses = Counter(key for key, name in self.attributes.items() if name in found)
        for layer in self.layers.values():
            if layer.attribute in found:
                uses.update(layer.parts)
        return uses


@dataclass(frozen=True)
class Construction:
    """The constructor of a component: its parameters and its statements."""

    given: tuple[tuple[str, str], ...]
    """Name and type of each part that another component owns, in order."""
    borrowed: tuple[str, ...]
    """Their keys."""
    statements: tuple[str, ...]


def construct(members: Members, called: set[str], owned: set[str], lent: set[str]) -> Construction:
    """The constructor of a component whose forward code calls the attributes `called`.

    Of the parts it uses it makes those in `owned`; those in `lent` are attributes, so that others
    can have them.
    """
    uses = members.uses(called)
    direct = {key for key in uses if members.attributes[key] in called}
    apart = {key for key in uses if key in direct or uses[key] > 1 or key in lent}
    borrowed = [key for key in uses if key not in owned]
    order = list(members.parts)

    def text(key: str) -> str:
        if key not in owned:
            return members.attributes[key]
        return f"self.{members.attributes[key]}" if key in apart else members.parts[key].text

    def statements() -> Iterator[str]:
        for key in sorted(borrowed, key=order.index):
            if key in direct:
                yield f"self.{members.attributes[key]} = {members.attributes[key]}"
        for key in sorted(apart & owned, key=order.index):
            yield f"self.{members.attributes[key]} = {members.parts[key].text}"
        for layer in members.layers.values():
            if layer.attribute in called:
                yield f"self.{layer.attribute} = {layer.write(text)}"

    borrowed.sort(key=order.index)
    given = tuple((members.attributes[key], members.parts[key].kind) for key in borrowed)
    return Construction(given, tuple(borrowed), tuple(statements()))
