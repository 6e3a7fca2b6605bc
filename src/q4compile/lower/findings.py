"""What cannot be lowered: raised where it is seen, collected by name.

Q321 operator     Q324 numbers           Q327 scalar registers
Q322 value        Q325 layout            Q328 program
Q323 weight       Q326 on-chip memory    Q329 precision
"""

from q4compile.errors import Finding
from q4compile.quantize.network import Node

TITLES = {
    "Q321": "an operator that programs do not have",
    "Q322": "a value without an integer form",
    "Q323": "a weight without integer codes",
    "Q324": "numbers beyond the arithmetic of the machine",
    "Q325": "a layout that rows in memory do not have",
    "Q326": "the on-chip memory is too small",
    "Q327": "more run-time sizes than scalar registers",
    "Q328": "the program does not fit the target",
    "Q329": "a model of another precision",
}


class Refused(Exception):
    """One node cannot be lowered; whoever knows its name makes the finding."""

    def __init__(self, code: str, need: str, got: str, fix: str | None = None) -> None:
        super().__init__(f"{code}: need {need}, got {got}")
        self.code, self.need, self.got, self.fix = code, need, got, fix

    def finding(self, at: str) -> Finding:
        """As the user reads it."""
        return Finding(self.code, TITLES[self.code], at, self.need, self.got, self.fix)


def place_of(node: Node) -> str:
    """How a finding names a node."""
    domain = f"{node.domain}::" if node.domain else ""
    return f"node '{node.name}' ({domain}{node.op})"
