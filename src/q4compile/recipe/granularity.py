"""How many scales one tensor has: one, one per output channel, per gate, or per group of inputs."""

import re
from dataclasses import dataclass
from typing import Self

GROUP = re.compile(r"per_group\((\d{1,9})\)")


@dataclass(frozen=True)
class Granularity:
    """`kind` is one of `KINDS`; `group_size` [elements of the reduction axis] if per_group."""

    kind: str
    group_size: int = 0

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The inverse of `str`: ``per_channel``, ``per_group(32)``; None when it is neither."""
        if text in KINDS and text != "per_group":
            return cls(text)
        grouped = GROUP.fullmatch(text)
        return cls("per_group", int(grouped[1])) if grouped and int(grouped[1]) else None

    def __str__(self) -> str:
        return f"per_group({self.group_size})" if self.group_size else self.kind


KINDS = ("per_channel", "per_gate", "per_group", "per_tensor")
SPELLINGS = tuple("per_group(32)" if kind == "per_group" else kind for kind in KINDS)
PER_TENSOR = Granularity("per_tensor")
