"""What a training hears, rendered once: any number of runs can share it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from q4compile.progress import Progress, quiet
from q4compile.speech.listener import Listener
from q4compile.speech.source import Rendered, Source, render


@dataclass(frozen=True)
class Material:
    """What to hear, rendered: `heard` are the `sources`, the first sets the length of an epoch."""

    listener: Listener
    sources: tuple[Source, ...]
    heard: tuple[Rendered, ...]
    judged: Rendered


def material(
    listener: Listener,
    sources: Sequence[Source],
    development: Source,
    seed: int,
    progress: Progress = quiet,
) -> Material:
    """All versions of all utterances; `seed` is that of speeds and noises.

    Raises:
        DataError: what is wrong with a corpus, for all its utterances.
    """
    judged = render(development, listener, seed, progress)
    heard = tuple(render(source, listener, seed, progress) for source in sources)
    return Material(listener, tuple(sources), heard, judged)


def part(rendered: Rendered, places: Collection[int]) -> Rendered:
    """The utterances at `places`, in that order."""
    return Rendered(
        tuple(rendered.frames[place] for place in places),
        tuple(rendered.texts[place] for place in places),
    )
