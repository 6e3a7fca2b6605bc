"""Sentences of the kind people say to a form: spelled names, numbers, dates, commands.

The kinds and their words are those of AN4's training transcripts (its test transcripts were not
used); every sentence is of words and single letters from A to Z.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from string import ascii_uppercase

import numpy as np

COMMANDS = ("ENTER", "ERASE", "GO", "HELP", "NO", "REPEAT", "RUBOUT", "START", "STOP", "YES")
DIGITS = ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")
TEENS = (
    *("TEN", "ELEVEN", "TWELVE", "THIRTEEN", "FOURTEEN"),
    *("FIFTEEN", "SIXTEEN", "SEVENTEEN", "EIGHTEEN", "NINETEEN"),
)
TENS = ("TWENTY", "THIRTY", "FORTY", "FIFTY", "SIXTY", "SEVENTY", "EIGHTY", "NINETY")
MONTHS = (
    *("JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE"),
    *("JULY", "AUGUST", "SEPTEMBER", "OCTOBER", "NOVEMBER", "DECEMBER"),
)
FIRST_TO_NINTH = (
    *("FIRST", "SECOND", "THIRD", "FOURTH", "FIFTH"),
    *("SIXTH", "SEVENTH", "EIGHTH", "NINTH"),
)
ORDINALS = (
    *FIRST_TO_NINTH,
    *("TENTH", "ELEVENTH", "TWELFTH", "THIRTEENTH", "FOURTEENTH", "FIFTEENTH"),
    *("SIXTEENTH", "SEVENTEENTH", "EIGHTEENTH", "NINETEENTH", "TWENTIETH"),
    *(f"TWENTY {word}" for word in FIRST_TO_NINTH),
    *("THIRTIETH", "THIRTY FIRST"),
)
WAYS = ("STREET", "AVENUE", "ROAD", "DRIVE", "LANE", "COURT", "WAY")
DICTIONARY = Path("/usr/share/dict/words")
FEW_NAMES = tuple(
    re.findall(
        r"\w+",
        """
    ADAMS ALICE ALLEN ANDREW ANNA BAKER BARBARA BENNETT BOSTON BRIAN BUTLER CARLOS CAROL CHICAGO
    CLARK COLEMAN COOPER CYNTHIA DANIEL DAVIS DENVER DIANE DOROTHY EDWARDS ELIZABETH ERIE EVANS
    FISHER FLORENCE FOSTER FRANKLIN GARCIA GEORGE GLORIA GRACE GRAHAM GREENE HAMILTON HARRIS HELEN
    HENRY HOUSTON HOWARD HUGHES IRENE JACKSON JACQUELINE JAMES JENKINS JOSEPH JUDITH KATHLEEN KELLY
    KENNETH KEVIN KNOXVILLE LAURA LEWIS LINCOLN LOUISE MARGARET MARTIN MAXWELL MEMPHIS MICHAEL
    MILLER MITCHELL MONROE MORGAN NANCY NASHVILLE NICHOLAS NORFOLK OAKLAND OLIVER OWENS PARKER
    PATRICIA PHILADELPHIA PHOENIX PITTSBURGH QUENTIN QUINCY RACHEL RAYMOND REYNOLDS RICHMOND ROBERT
    ROGERS RUSSELL SAMUEL SANDRA SAVANNAH SHIRLEY STEPHEN SULLIVAN SUSAN SYRACUSE TAYLOR THERESA
    THOMAS TUCSON TYLER VICTOR VIRGINIA WALLACE WALTER WARREN WAYNE WILLIAMS XAVIER YOLANDA YORK
    ZACHARY
    """,
    )
)

Rng = np.random.Generator


def sentences(rng: Rng, n: int, names: Sequence[str] | None = None) -> list[str]:
    """Return n sentences; equal generators and names give equal sentences, which may repeat.

    Args:
        rng: Draws the kind of each sentence and its words.
        n: Number of sentences.
        names: Words of the letters A to Z to spell; default `names_to_spell()`.
    """
    known = names_to_spell() if names is None else names
    kinds, shares = zip(*KINDS, strict=True)
    drawn = rng.choice(len(kinds), size=n, p=np.array(shares) / sum(shares))
    return [kinds[kind](rng, known) for kind in drawn]


def names_to_spell(dictionary: Path = DICTIONARY) -> tuple[str, ...]:
    """Capitalised words of the system's word list (Debian wamerican), or a short list without one.

    Sorted and in capitals: words of 3 to 12 letters from A to Z.
    """
    if not dictionary.is_file():
        return FEW_NAMES
    words = dictionary.read_text(encoding="utf-8").split()
    named = {word.upper() for word in words if re.fullmatch("[A-Z][a-z]{2,11}", word)}
    return tuple(sorted(named)) or FEW_NAMES


def number_words(number: int) -> str:
    """Return 0 <= number < 10000 in words: 2552 is TWO THOUSAND FIVE HUNDRED FIFTY TWO."""
    for size, name in ((1000, "THOUSAND"), (100, "HUNDRED")):
        if number >= size:
            rest = number % size
            tail = f" {number_words(rest)}" if rest else ""
            return f"{DIGITS[number // size]} {name}{tail}"
    if number < 20:
        return (DIGITS + TEENS)[number]
    tens, ones = divmod(number, 10)
    return TENS[tens - 2] + (f" {DIGITS[ones]}" if ones else "")


def _pick(rng: Rng, words: Sequence[str]) -> str:
    return words[int(rng.integers(len(words)))]


def _spelled(word: str) -> str:
    return " ".join(word)


def _digits(rng: Rng, count: int) -> str:
    zero = _pick(rng, ("OH", "ZERO"))
    return " ".join(zero if digit == 0 else DIGITS[digit] for digit in rng.integers(10, size=count))


def _letters(rng: Rng, names: Sequence[str]) -> str:
    return _spelled("".join(_pick(rng, ascii_uppercase) for _ in range(rng.integers(1, 6))))


def _number(rng: Rng, names: Sequence[str]) -> str:
    """A number as people say it: digits, pairs, hundreds, or in full."""
    way = int(rng.integers(6))
    if way <= 1:
        return _digits(rng, int(rng.integers(1, 6)))
    if way == 2:
        return number_words(int(rng.integers(10, 100)))
    if way == 3:
        return f"{_pick(rng, DIGITS[1:])} {number_words(int(rng.integers(10, 100)))}"
    if way == 4:
        pairs = rng.integers(10, 100, size=2)
        tail = _digits(rng, 2) if rng.random() < 0.2 else number_words(int(pairs[1]))
        return f"{number_words(int(pairs[0]))} {tail}"
    words = number_words(int(rng.integers(100, 10000)))
    return words.replace("HUNDRED ", "HUNDRED AND ") if rng.random() < 0.3 else words


def _command(rng: Rng, names: Sequence[str]) -> str:
    return _pick(rng, COMMANDS)


def _enter(rng: Rng, names: Sequence[str]) -> str:
    return f"ENTER {_number(rng, names)}"


def _edit(rng: Rng, names: Sequence[str]) -> str:
    return f"{_pick(rng, ('ERASE', 'RUBOUT'))} {_code(rng, names)}"


def _code(rng: Rng, names: Sequence[str]) -> str:
    return f"{_letters(rng, names)} {_number(rng, names)}"


def _name(rng: Rng, names: Sequence[str]) -> str:
    return _spelled(_pick(rng, names))


def _two_names(rng: Rng, names: Sequence[str]) -> str:
    return f"{_name(rng, names)} {_name(rng, names)}"


def _street(rng: Rng, names: Sequence[str]) -> str:
    house = f"{_number(rng, names)} " if rng.random() < 0.5 else ""
    way = f" {_spelled(_pick(rng, WAYS))}" if rng.random() < 0.4 else ""
    return f"{house}{_name(rng, names)}{way}"


def _zip_code(rng: Rng, names: Sequence[str]) -> str:
    return _digits(rng, 5)


def _telephone(rng: Rng, names: Sequence[str]) -> str:
    area = f"AREA CODE {_digits(rng, 3)} " if rng.random() < 0.1 else ""
    return area + _digits(rng, 10 if not area and rng.random() < 0.15 else 7)


def _date(rng: Rng, names: Sequence[str]) -> str:
    year = number_words(int(rng.integers(10, 100)))
    century = "NINETEEN " if rng.random() < 0.7 else ""
    if rng.random() < 0.25:
        month, day = rng.integers(1, 13), rng.integers(1, 32)
        return f"{number_words(int(month))} {number_words(int(day))} {century}{year}"
    return f"{_pick(rng, MONTHS)} {_pick(rng, ORDINALS)} {century}{year}"


KINDS: tuple[tuple[Callable[[Rng, Sequence[str]], str], float], ...] = (
    (_code, 12),
    (_command, 5),
    (_date, 9),
    (_edit, 12),
    (_enter, 7),
    (_letters, 3),
    (_name, 22),
    (_number, 8),
    (_street, 8),
    (_telephone, 8),
    (_two_names, 3),
    (_zip_code, 8),
)
"""Each kind of sentence and how often it comes, in percent after scaling."""
