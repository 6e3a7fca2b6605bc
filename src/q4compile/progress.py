"""How a long-running function reports that it is getting on, without knowing who watches."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Progress(Protocol):
    """Wraps an iterable; the command line passes one that draws a bar with an ETA."""

    def __call__(
        self, items: Iterable[Item], what: str, total: int | None = None
    ) -> Iterator[Item]:
        """Yield `items` one by one, reporting under the label `what`."""
        ...


def quiet(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """Report nothing: the default everywhere."""
    yield from items
