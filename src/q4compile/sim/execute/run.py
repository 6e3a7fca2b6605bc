"""What a word becomes when a machine first meets it: a function of what is only known at issue."""

from collections.abc import Callable
from typing import TypeAlias

Run: TypeAlias = Callable[..., None]
"""``run(rows, *starts)``: the number of rows, 0 or more, where the word has one; then the byte
addresses of its operands in the order of its fields; for an `Lstm`, then its step."""
