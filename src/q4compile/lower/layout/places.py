"""Where something begins in DRAM."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Place:
    """``S[base] + offset + times · S[source]`` units of DRAM; without a base, in the image."""

    offset: int = 0
    base: int | None = None
    times: int = 0
    source: int = 0

    def plus(self, units: int) -> "Place":
        """So many units behind it."""
        return replace(self, offset=self.offset + units)
