"""Tables for people: as wide and as colourful as the terminal, wide and plain in a log."""

import os
import shutil
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

LOG_WIDTH = 160


def rendered(parts: Iterable[RenderableType], printed: bool = True) -> str:
    """The parts one below the other; `printed` tells whether stdout is where they go."""
    terminal = printed and sys.stdout.isatty()
    colour = terminal and "NO_COLOR" not in os.environ
    console = Console(
        width=shutil.get_terminal_size().columns if terminal else LOG_WIDTH,
        force_terminal=colour,
        color_system="standard" if colour else None,
        legacy_windows=False,
    )
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def heading(text: str) -> Text:
    """The line above a table."""
    return Text(text, style="bold")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], numbers: int = 0) -> Table:
    """Rows under `columns`, the last `numbers` of them flush right; no cell is markup."""
    made = Table(box=None, pad_edge=False, header_style="")
    for index, column in enumerate(columns):
        right = index >= len(columns) - numbers
        made.add_column(column, justify="right" if right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(_cell(value)) for value in row))
    return made


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}".replace(",", " ")
    return f"{value:.6g}" if isinstance(value, float) else str(value)
