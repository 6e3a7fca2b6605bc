"""A model cut into what is run, or compiled, one at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import onnx_ir as ir

from q4compile.graph.components import components
from q4compile.graph.extract import extract
from q4compile.graph.recurrent import describe, recurrent_nodes
from q4compile.graph.state import StatePort, expose_state


@dataclass(frozen=True)
class Part:
    """A component as a model of its own.

    One whose recurrent layers all run forward in time has their states as inputs and outputs; the
    others see whole sequences, from a state of zero.
    """

    name: str
    model: ir.Model
    states: tuple[StatePort, ...]


def parts(models: Mapping[str, ir.Model]) -> Iterator[Part]:
    """Every component of `models` (by file stem, as `graph.read.read_models` gives them)."""
    for stem, model in models.items():
        for component in components(model, stem):
            part = extract(model, component)
            if all(describe(node).directions == 1 for node in recurrent_nodes(part)):
                yield Part(component.name, *expose_state(part))
            else:
                yield Part(component.name, part, ())
