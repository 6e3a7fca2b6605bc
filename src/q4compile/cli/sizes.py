"""``--size T=500,B=1``: sizes by name."""

from typing import Any

import click


class SizesParameter(click.ParamType[dict[str, int]]):
    """``NAME=N,NAME=N`` → ``{name: number}``; each name once, numbers from 0 on."""

    name = "sizes"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, int]:
        """Click's own way to read an option."""
        if isinstance(value, dict):
            return value
        found: dict[str, int] = {}
        for part in filter(None, str(value).split(",")):
            name, equals, number = part.partition("=")
            if not equals or not name or name in found or not number.isdecimal():
                self.fail(f"{part!r} is not NAME=NUMBER, each name once", param, ctx)
            found[name] = int(number)
        return found


size_option = click.option(
    "--size",
    "sizes",
    type=SizesParameter(),
    default={},
    metavar="NAME=N,...",
    help="Sizes to time: the dimensions of the entries.",
)
