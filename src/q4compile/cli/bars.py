"""Progress bars with an ETA, on a terminal only, so that logs and pipes stay clean."""

from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as RichProgress,
)

from q4compile.progress import Progress, quiet

Item = TypeVar("Item")


def progress_for(shown: bool) -> Progress:
    """Bars on stderr when they are wanted and stderr is a terminal; else nothing."""
    console = Console(stderr=True)
    return Bars(console) if shown and console.is_terminal else quiet


class Bars:
    """A `q4compile.progress.Progress`: one bar per loop; loops may be nested."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.display: RichProgress | None = None

    def __call__(
        self, items: Iterable[Item], what: str, total: int | None = None
    ) -> Iterator[Item]:
        """Yield `items`, drawing how many of `total` have passed and the time left."""
        if total is None and isinstance(items, Sized):
            total = len(items)
        outermost = self.display is None
        display = self.display = self.display or self._columns()
        display.start()
        task = display.add_task(what, total=total)
        try:
            for item in items:
                yield item
                display.advance(task)
        finally:
            if outermost:
                display.stop()
                self.display = None
            else:
                display.remove_task(task)

    def _columns(self) -> RichProgress:
        return RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            console=self.console,
        )
