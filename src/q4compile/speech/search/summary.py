"""The figures of a decoded corpus, and what is printed of them."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from q4compile.speech.score import ErrorRate, bootstrap
from q4compile.speech.search.hypothesis import Counts
from q4compile.speech.search.rows import Row

KINDS = ("substitutions", "deletions", "insertions")


def figures(rows: Sequence[Row]) -> dict[str, float]:
    """Rates with the 95 % interval of the word error rate, kinds of errors, calls, shares."""
    errors = np.array([row.errors for row in rows], np.int64)
    words = np.array([row.words for row in rows], np.int64)
    wer = ErrorRate(int(errors.sum()), int(words.sum()))
    cer = ErrorRate(sum(r.character_errors for r in rows), sum(r.characters for r in rows))
    found: dict[str, float] = {"wer_percent": wer.percent, "cer_percent": cer.percent}
    if wer.length:
        found["wer_percent_ci_low"], found["wer_percent_ci_high"] = bootstrap(errors, words)
    found |= {"word_errors": wer.errors, "words": wer.length}
    for kind in KINDS:
        found[f"word_{kind}"] = sum(getattr(row, kind) for row in rows)
    audio_s = sum(row.audio_s for row in rows)
    found |= {"utterances": len(rows), "audio_s": audio_s}
    found["decoding_s"] = sum(row.decoding_s for row in rows)
    found["rtf"] = found["decoding_s"] / audio_s
    calls: Counter[str] = Counter()
    for row in rows:
        calls.update(row.calls)
    counts = sum((row.counts for row in rows), Counts())
    return found | dict(calls) | counts.figures() | _machine(calls, audio_s)


def _machine(calls: Mapping[str, float], audio_s: float) -> dict[str, float]:
    """Cycles, energy and time of all components on the accelerator, where one was simulated."""
    totals = {
        unit: sum(value for key, value in calls.items() if key.endswith(f"_{unit}"))
        for unit in ("cycles", "energy_mj", "time_ms")
    }
    if not totals["cycles"]:
        return {}
    rtf = totals["time_ms"] / 1000 / audio_s
    return {
        "cycles_total": totals["cycles"],
        "energy_mj": totals["energy_mj"],
        "machine_rtf": rtf,
    }


def text(found: dict[str, float]) -> str:
    """Some lines for a person."""
    ends = [found.get(f"wer_percent_ci_{end}", 0.0) for end in ("low", "high")]
    kinds = ", ".join(
        f"{found[f'word_{kind}']:.0f} {kind}"
        for kind in ("substitutions", "deletions", "insertions")
    )
    lines = [
        f"WER {found['wer_percent']:.2f} % ({found['word_errors']:.0f} errors in"
        f" {found['words']:.0f} words: {kinds}), 95 % interval [{ends[0]:.2f}, {ends[1]:.2f}]",
        f"CER {found['cer_percent']:.2f} %",
        f"RTF {found['rtf']:.4f} ({found['decoding_s']:.1f} CPU-seconds for"
        f" {found['audio_s']:.0f} s of sound)",
        _search(found),
    ]
    if "machine_rtf" in found:
        lines.append(
            f"accelerator: {found['cycles_total']:.0f} cycles, {found['energy_mj']:.2f} mJ,"
            f" RTF {found['machine_rtf']:.6f}"
        )
    if "wer_difference_percent" in found:
        low, high = found["wer_difference_low_percent"], found["wer_difference_high_percent"]
        change = found["wer_difference_percent"]
        lines.append(f"difference {change:+.2f} points, 95 % interval [{low:+.2f}, {high:+.2f}]")
    return "\n".join(lines)


def _search(found: dict[str, float]) -> str:
    hits = 100 * found["cache_hit_share"]
    active = 100 * found["active_step_share"]
    line = f"search: {found['search_steps']:.0f} steps, {found['search_rows']:.0f} hypotheses;"
    line += f" prediction network from the cache {hits:.1f} %, run in {active:.1f} % of steps"
    if "lm_active_step_share" in found:
        line += f", language models in {100 * found['lm_active_step_share']:.1f} %"
    return line
