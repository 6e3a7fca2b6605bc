"""The symbols a model writes: characters and the transducer's blank."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from string import ascii_uppercase

from q4compile.errors import DataError, Finding

BLANK = 0
BLANK_SYMBOL = "<blank>"


@dataclass(frozen=True)
class Vocabulary:
    """decode(encode(text)) == text for every text whose characters are all in `symbols`.

    `symbols[i]` is the text of id i; id 0 is the blank, which stands for no text.
    """

    symbols: tuple[str, ...]

    def __post_init__(self) -> None:
        broken = self._broken()
        if broken is not None:
            raise DataError(
                Finding(
                    "Q504",
                    "the vocabulary is not one character per symbol",
                    f"vocabulary of {len(self.symbols)} symbols",
                    f"{BLANK_SYMBOL!r} first, then distinct single characters",
                    broken,
                )
            )

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, text: str) -> list[int]:
        """Return one id per character.

        Raises:
            DataError: Q504 naming every character that has no id.
        """
        if self.unknown(text):
            raise DataError(unknown_characters(f"text {text!r}", self.unknown(text), self))
        return [self._ids[character] for character in text]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of the ids; blanks are skipped."""
        return "".join(self.symbols[index] for index in ids if index != BLANK)

    def unknown(self, text: str) -> set[str]:
        """Return the characters of `text` that have no id."""
        return set(text) - self._ids.keys()

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: i for i, symbol in enumerate(self.symbols) if i != BLANK}

    def _broken(self) -> str | None:
        if not self.symbols:
            return "no symbols"
        first, *rest = self.symbols
        if first != BLANK_SYMBOL:
            return f"{first!r} first"
        wrong = [f"{symbol!r}, which is no single character" for symbol in rest if len(symbol) != 1]
        wrong += [f"{symbol!r} again" for i, symbol in enumerate(rest) if symbol in rest[:i]]
        return "\n".join(wrong) or None


def unknown_characters(at: str, characters: set[str], vocabulary: Vocabulary) -> Finding:
    """The Q504 finding for `characters` met at `at`."""
    upper = {char for char in characters if char.upper() in vocabulary.symbols}
    mend = ["upper-case the transcripts"] if upper else []
    mend += ["spell out or remove what is no letter"] if characters - upper else []
    known = "".join(vocabulary.symbols[1:])
    return Finding(
        "Q504",
        "characters the model cannot write",
        at,
        f"only the characters {known!r}",
        " ".join(repr(character) for character in sorted(characters)),
        "; ".join(mend),
    )


AN4 = Vocabulary((BLANK_SYMBOL, " ", *ascii_uppercase, "'"))
"""The 29 symbols of the bundled models: blank, space, A to Z, apostrophe."""
