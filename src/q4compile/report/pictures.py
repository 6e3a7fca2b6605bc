"""Charts as files: PNG, SVG or a page of its own, by the name's ending."""

from pathlib import Path
from typing import Any

from q4compile.errors import DataError, Finding
from q4compile.files import replacing

FORMATS = ("png", "svg", "html")
PNG_SCALE = 2


def picture_format(path: Path) -> str:
    """One of `FORMATS`.

    Raises:
        DataError: Q568 for any other ending.
    """
    ending = path.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        need = f"a name that ends in {', '.join('.' + each for each in FORMATS)}"
        finding = Finding("Q568", "no such kind of picture", f"{path}", need, path.suffix or "none")
        raise DataError(finding)
    return ending


def write_picture(chart: Any, path: Path) -> None:
    """Replace `path` by the altair chart; a page holds all that it needs to be shown.

    Raises:
        DataError: Q568. OutputError: Q551, Q552.
    """
    ending = picture_format(path)
    with replacing(path) as temporary:
        if ending == "html":
            chart.save(f"{temporary}", format=ending, inline=True)
        else:
            chart.save(f"{temporary}", format=ending, scale_factor=PNG_SCALE)
