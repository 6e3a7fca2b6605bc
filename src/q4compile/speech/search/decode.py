"""A corpus decoded group by group, in this process or in several."""

import multiprocessing
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from time import process_time

from q4compile.progress import Progress, quiet
from q4compile.speech.evaluate import Heard
from q4compile.speech.greedy import Floats
from q4compile.speech.search.decoder import Decoder, DecoderConfig, open_decoder
from q4compile.speech.search.rows import Row, RowFile, scored


@dataclass(frozen=True)
class Group:
    """Utterances that are decoded together."""

    ids: tuple[str, ...]
    references: tuple[str, ...]
    features: tuple[Floats, ...]
    durations_s: tuple[float, ...]


def groups(heard: Heard, size: int, skip: Collection[str] = ()) -> list[Group]:
    """All of `heard` but the ids `skip`; those of similar length together, the longest first."""
    left = [i for i, each in enumerate(heard.utterances) if each.id not in skip]
    order = sorted(left, key=lambda i: len(heard.features[i]), reverse=True)
    return [
        Group(
            tuple(heard.utterances[i].id for i in chosen),
            tuple(heard.utterances[i].text for i in chosen),
            tuple(heard.features[i] for i in chosen),
            tuple(heard.durations_s[i] for i in chosen),
        )
        for chosen in (order[at : at + size] for at in range(0, len(order), size))
    ]


def decode_corpus(
    config: DecoderConfig,
    heard: Heard,
    kept: Path | None = None,
    jobs: int = 1,
    progress: Progress = quiet,
) -> list[Row]:
    """The rows of all utterances, in their order.

    Args:
        kept: A file that rows are appended to as they come, and taken from where they are there.
        jobs: Processes.

    Raises:
        DataError: Q585 for a file of something else; what `open_decoder` and `beam_search` raise.
        OutputError: Q551 when it cannot be written.
    """
    settings = config.fingerprint()
    rows = RowFile(kept, settings)
    work = groups(heard, config.search.batch, rows.found)
    done = _here(config, work, settings) if jobs == 1 else _spread(config, work, settings, jobs)
    try:
        for group in progress(done, "decoding", len(work)):
            rows.append(group)
    finally:
        rows.close()
    return [rows.found[each.id] for each in heard.utterances]


def rows_of(decoder: Decoder, group: Group, settings: str) -> list[Row]:
    """The rows of a group."""
    before, started = decoder.figures(), process_time()
    found = decoder.decode(group.features)
    spent = process_time() - started
    calls = {key: value - before[key] for key, value in decoder.figures().items()}
    whole_s = max(sum(group.durations_s), 1e-9)
    made = []
    for i, n_best in enumerate(found):
        texts = [decoder.text(each.tokens) for each in n_best.hypotheses]
        seconds = group.durations_s[i]
        share = spent * seconds / whole_s
        rest = {"decoding_s": share, "calls": {} if i else calls, "settings": settings}
        made.append(scored(group.ids[i], group.references[i], seconds, texts, n_best, **rest))
    return made


_opened = lru_cache(maxsize=1)(open_decoder)


def _here(config: DecoderConfig, work: Sequence[Group], settings: str) -> Iterator[list[Row]]:
    return (rows_of(_opened(config), group, settings) for group in work)


def _there(config: DecoderConfig, group: Group, settings: str) -> list[Row]:
    """In a process of its own, which keeps its networks from group to group."""
    return rows_of(_opened(config), group, settings)


def _spread(
    config: DecoderConfig, work: Sequence[Group], settings: str, jobs: int
) -> Iterator[list[Row]]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context) as pool:
        left = {pool.submit(_there, config, group, settings) for group in work}
        try:
            while left:
                done, left = wait(left, return_when=FIRST_COMPLETED)
                for each in done:
                    yield each.result()
        finally:
            pool.shutdown(cancel_futures=True)
