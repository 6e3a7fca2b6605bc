"""Where feeds come from: a folder of arrays, a speech corpus, or the bundled one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from q4compile.errors import DataError, Finding

if TYPE_CHECKING:
    from q4compile.quantize.feeds import Feed

LIMIT = 128

calib_option = click.option(
    "--calib",
    "calib_data",
    metavar="DATA",
    type=click.Path(path_type=Path, exists=True),
    help="A folder of .npz files (one array per input), or a speech corpus: AN4, LibriSpeech, "
    "manifest.jsonl.  [default: the bundled speech]",
)
limit_option = click.option(
    "--calib-limit",
    metavar="N",
    type=click.IntRange(min=1),
    default=LIMIT,
    show_default=True,
    help="Utterances taken from a corpus, evenly spaced.",
)


@dataclass(frozen=True)
class Calibration:
    """What ``--calib`` and ``--calib-limit`` asked for; `data` is None without ``--calib``."""

    data: Path | None = None
    limit: int = LIMIT

    def feeds(self, model: Path, component: str, props: Mapping[str, str]) -> "Iterable[Feed]":
        """The feeds of the file `model`, read one at a time.

        A folder DATA may hold one folder of arrays per component. Without ``--calib``, a model that
        is not one of speech has feeds that raise Q524 when they are read: it may need none.

        Raises:
            DataError: Q505, Q507 for data that are no corpus, Q524 where arrays are needed.
            ModelError: Q128.
        """
        data = self._of(component)
        if data is not None and _is_arrays(data):
            return ArrayFeeds(data)
        from q4compile.speech.metadata import read_metadata

        metadata = read_metadata(props, str(model))
        if metadata is not None:
            from q4compile.speech.corpus import DEMO
            from q4compile.speech.feeds import speech_feeds

            return speech_feeds(metadata, data or DEMO, self.limit)
        if data is not None:
            raise DataError(_needs_arrays(model, f"--calib {data}"))
        return NoFeeds(model)

    def described(self) -> dict[str, Any]:
        """As JSON for a record."""
        return {"data": None if self.data is None else str(self.data), "limit": self.limit}

    def _of(self, component: str) -> Path | None:
        if self.data is None:
            return None
        own = self.data / component
        return own if own.is_dir() and _is_arrays(own) else self.data


class ArrayFeeds:
    """The ``.npz`` files of a folder, one feed each."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def __len__(self) -> int:
        from q4compile.quantize.feeds import npz_files

        return len(npz_files(self.data))

    def __iter__(self) -> "Iterator[Feed]":
        from q4compile.quantize.feeds import read_npz

        return read_npz(self.data)


class NoFeeds:
    """Raises Q524 when feeds are asked for."""

    def __init__(self, model: Path) -> None:
        self.model = model

    def __iter__(self) -> "Iterator[Feed]":
        raise DataError(_needs_arrays(self.model, "no --calib"))


def _is_arrays(path: Path) -> bool:
    return path.suffix == ".npz" or (path.is_dir() and any(path.glob("*.npz")))


def _needs_arrays(model: Path, got: str) -> Finding:
    return Finding(
        "Q524",
        "nothing to calibrate the model on",
        f"{model}",
        "a folder of .npz files, each with one array per input",
        f"{got}, and no metadata in the model by which speech would become inputs",
        "name such a folder with --calib",
    )
