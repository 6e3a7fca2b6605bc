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
        if not self.symbols or self.symbols[BLANK] != BLANK_SYMBOL:
            return f"first symbol {self.symbols[:1]!r}"
        rest = self.symbols[1:]
        long = [symbol for symbol in rest if len(symbol) != 1]
        twice = sorted({symbol for symbol in rest if rest.count(symbol) > 1})
        if long or twice:
            return f"not single characters: {long}, repeated: {twice}"
        return None


def unknown_characters(at: str, characters: set[str], vocabulary: Vocabulary) -> Finding:
    """The Q504 finding for `characters` met at `at`."""
    lower = all(character.upper() in vocabulary.symbols for character in characters)
    known = "".join(vocabulary.symbols[1:])
    return Finding(
        "Q504",
        "characters the model cannot write",
        at,
        f"only the characters {known!r}",
        " ".join(repr(character) for character in sorted(characters)),
        "upper-case the transcripts" if lower else "spell them out, or remove them",
    )


AN4 = Vocabulary((BLANK_SYMBOL, " ", *ascii_uppercase, "'"))
"""The 29 symbols of the bundled models: blank, space, A to Z, apostrophe."""
