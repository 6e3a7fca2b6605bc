"""What the integer arithmetic has no word for: raised where it is found, collected as findings."""

from dataclasses import replace

from q4compile.errors import Finding
from q4compile.quantize.network import Node

TITLES = {
    "Q141": "a node that integer programs do not have",
    "Q142": "a value without an integer representation",
    "Q143": "a weight that integer products cannot take",
    "Q144": "a number out of the range of the integer arithmetic",
}


class Refusal(Exception):
    """One node or value cannot be carried out; `finding` says where once that is known."""

    def __init__(self, code: str, need: str, got: str, fix: str | None = None) -> None:
        self.unplaced = Finding(code, TITLES[code], "", need, got, fix)
        super().__init__(f"{code}: need {need}, got {got}")

    def finding(self, at: str) -> Finding:
        """The error that the user reads."""
        return replace(self.unplaced, at=at)


def kind_of(node: Node) -> str:
    """The operator, with its domain unless that is ONNX's own."""
    return f"{node.domain}::{node.op}" if node.domain else node.op


def place(node: Node) -> str:
    """How a finding names a node."""
    return f"node '{node.name}' ({kind_of(node)})"
