"""Python statements laid out as ``ruff format`` lays them out, 88 columns wide."""

from collections.abc import Iterator

WIDTH = 88
INDENT = "    "
OPENING, CLOSING = "([{", ")]}"


def laid_out(statement: str, depth: int, comment: str = "") -> list[str]:
    """`statement`, written on one line, as lines at indentation `depth`; `comment` behind it.

    A line that is too long is broken at its last brackets: around what they hold if they are a
    call's, else (or if that is still too long) behind every comma. A comment that does not fit goes
    above.
    """
    remark = f"  # {comment}" if comment else ""
    whole = INDENT * depth + statement
    if len(whole + remark) <= WIDTH:
        return [whole + remark]
    above = [f"{INDENT * depth}# {comment}"] if comment else []
    return above + _broken(statement, depth, "")


def _broken(statement: str, depth: int, end: str) -> list[str]:
    """`statement` and `end` behind it: in one line if it fits, else broken."""
    if len(INDENT * depth + statement + end) <= WIDTH:
        return [INDENT * depth + statement + end]
    start, stop = _brackets(statement)
    if start < 0:
        return (
            _in_brackets(statement, depth)
            if " = " in statement
            else [INDENT * depth + statement + end]
        )
    head, inside, tail = statement[: start + 1], statement[start + 1 : stop], statement[stop:]
    parts = list(_split(inside))
    one_line = INDENT * (depth + 1) + inside
    literal = not (head[-2:-1].isalnum() or head[-2:-1] in ("_", ")", "]"))
    if len(one_line) <= WIDTH and not literal:
        body = [one_line]
    elif len(parts) == 1 and not literal:
        body = _broken(parts[0], depth + 1, "")
    else:
        body = [line for part in parts for line in _broken(part, depth + 1, ",")]
    return [INDENT * depth + head, *body, INDENT * depth + tail + end]


def _in_brackets(statement: str, depth: int) -> list[str]:
    """An assignment without brackets of its own, its right side in a pair."""
    left, _, right = statement.partition(" = ")
    lines = [f"{left} = (", f"{INDENT}{right}", ")"]
    return [INDENT * depth + line for line in lines]


def _brackets(text: str) -> tuple[int, int]:
    """Where the last brackets that hold something open and close; -1, -1 if there are none.

    Of a function's head, where its parameters begin and end.
    """
    found, open_at = (-1, -1), list[int]()
    for position, letter in _code(text):
        if letter in OPENING:
            open_at.append(position)
        elif letter in CLOSING:
            start = open_at.pop()
            if not open_at and position - start > 1:
                found = (start, position)
                if text.startswith("def "):
                    break
    return found


def _split(text: str) -> Iterator[str]:
    """The parts of `text` between its outermost commas."""
    depth, start = 0, 0
    for position, letter in _code(text):
        depth += (letter in OPENING) - (letter in CLOSING)
        if letter == "," and depth == 0:
            yield text[start:position].strip()
            start = position + 1
    if text[start:].strip():
        yield text[start:].strip()


def _code(text: str) -> Iterator[tuple[int, str]]:
    """Positions and letters of `text` outside string literals."""
    quote, escaped = "", False
    for position, letter in enumerate(text):
        if quote:
            if escaped:
                escaped = False
            elif letter == "\\":
                escaped = True
            elif letter == quote:
                quote = ""
        elif letter in "\"'":
            quote = letter
        else:
            yield position, letter
