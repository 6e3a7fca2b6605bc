"""Python statements laid out as ``ruff format`` lays them out, 88 columns wide."""

from collections.abc import Iterator

WIDTH = 88
INDENT = "    "
OPENING, CLOSING = "([{", ")]}"
OPERATORS = (" + ", " - ", " * ", " / ", " // ", " % ", " @ ")


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


def _broken(text: str, depth: int, end: str) -> list[str]:
    """`text` and `end` behind it: in one line if it fits, else broken."""
    indent = INDENT * depth
    if len(indent + text + end) <= WIDTH:
        return [indent + text + end]
    left, equals, right = text.partition(" = ")
    if not equals and len(parts := list(_operands(text))) > 1:
        return [indent + part for part in parts[:-1]] + _broken(parts[-1], depth, end)
    start, stop = _brackets(text)
    if start < 0:
        lines = [f"{left} = (", f"{INDENT}{right}", ")"] if equals else [text + end]
        return [indent + line for line in lines]
    head, inside, tail = text[: start + 1], text[start + 1 : stop], text[stop:]
    return [indent + head, *_held(head, inside, depth + 1), indent + tail + end]


def _held(head: str, inside: str, depth: int) -> list[str]:
    """What stands between the brackets that `head` ends in."""
    literal = not (head[-2:-1].isalnum() or head[-2:-1] in ("_", ")", "]"))
    parts = list(_split(inside))
    if len(INDENT * depth + inside) <= WIDTH and not literal:
        return [INDENT * depth + inside]
    if len(parts) == 1 and not literal:
        return _broken(parts[0], depth, "")
    return [line for part in parts for line in _broken(part, depth, ",")]


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


def _operands(text: str) -> Iterator[str]:
    """The parts of `text` at its outermost operators, each but the first with its operator."""
    depth, start = 0, 0
    for position, letter in _code(text):
        depth += (letter in OPENING) - (letter in CLOSING)
        if depth == 0 and text[position:].startswith(OPERATORS):
            yield text[start:position]
            start = position + 1
    yield text[start:]


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
