"""Decodes as lines of tables, figures, and a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from paper_calls import Times
from paper_cells import Decoded, pooled
from paper_demand import CHOSEN, PAPER_FRAMES, PAPER_LABELS
from paper_rates import at_paper_rates, fits, rates
from paper_scale import TARGETS

from q4compile.isa.target import load_target
from q4compile.speech.score import Interval, bootstrap, paired_bootstrap
from q4compile.speech.search.fusion import FusionWeights
from q4compile.speech.search.settings import SearchSettings

WIDE, NARROW = 16, 2
FIRST = "at once"
ASSUMED = {
    "paper_frames_per_second": PAPER_FRAMES,
    "paper_labels_per_second": PAPER_LABELS,
    "encoder": "50 frames/s of the paper's network, whatever AN4's model has",
    "label_networks": "calls per second of AN4's speech, as its search made them",
    "search_on_host": "runs while weights load; its time is a figure of its own",
}


@dataclass(frozen=True)
class Found:
    """One line of the table, by set."""

    system: str
    arm: str
    search: SearchSettings
    weights: FusionWeights
    sets: Mapping[str, Decoded]

    @property
    def whole(self) -> Decoded:
        """All sets as one."""
        return pooled(list(self.sets.values()))

    @property
    def precision(self) -> str:
        """Of the machine: a float model runs in halves."""
        return "fp16" if self.system == "fp32" else "int4"

    def rtf(self, times: Times, target: str) -> float:
        """Seconds of machine time for a second of sound."""
        return sum(times.decode(self.whole, target, self.precision).values())

    def rtf_at_paper_rates(self, times: Times, target: str) -> float:
        """The same at the paper's frames and labels per second."""
        return sum(at_paper_rates(self.whole, times, target, self.precision).values())


def row(found: Found, times: Times) -> dict[str, Any]:
    """Of the table."""
    weights, here = found.weights, rates(found.whole)
    line: dict[str, Any] = {"system": found.system, "arm": found.arm, "beam": found.search.beam}
    for split, decoded in {**found.sets, "pooled": found.whole}.items():
        line |= {f"wer_{split}_percent": round(wer(decoded), 2)}
        line |= {f"wer_{split}_interval": [round(each, 2) for each in interval(decoded)]}
    line |= {f"rtf_{target}": round(found.rtf(times, target), 5) for target in TARGETS}
    line |= {f"{name}_per_second": round(here[name], 2) for name in ("steps", "active_steps")}
    line["lm_calls_per_second"] = round(here["lm_active_steps"], 2)
    return line | {"weights": [weights.external, weights.source, weights.length]}


def search_row(name: str, searches: Mapping[str, Found], times: Times) -> dict[str, Any]:
    """A way to search, beside the first."""
    found, first = searches[name], searches[FIRST]
    here, change = rates(found.whole), difference(first, found)
    return {
        "search": name,
        "lm_calls_per_second": round(here["lm_active_steps"], 2),
        "lm_active_step_share": round(here["lm_active_steps"] / here["steps"], 4),
        "active_step_share": round(here["active_steps"] / here["steps"], 4),
        "cache_hit_share": round(cache_hits(found.whole), 4),
        "wer_percent": round(wer(found.whole), 2),
        "difference_percent": round(change.difference_percent, 3),
        "difference_interval": [round(change.low, 3), round(change.high, 3)],
        "rtf_rapid1": round(found.rtf(times, "rapid1"), 5),
        "rtf_rapid1_at_paper_rates": round(found.rtf_at_paper_rates(times, "rapid1"), 5),
    }


def calls_row(found: Found) -> dict[str, Any]:
    """What a second asks for, and how calls follow frames and labels."""
    shown = {name: round(value, 3) for name, value in rates(found.whole).items()}
    follow = {name: asdict(each) for name, each in fits(found.whole).items()}
    return {"per_second": shown, "fits": follow, "by_size": found.whole.calls}


def figures_of(
    lines: Sequence[Found],
    chosen: Sequence[Found],
    searches: Mapping[str, Found],
    times: Times,
) -> dict[str, float]:
    """Those that a gate may read: of the chosen search, and ``_exact`` of the one that drops none.

    Args:
        chosen: With language models, the float system at the widest beam, and the INT4 one at both.
        searches: The INT4 system's at the widest beam.
    """
    exact = [each for each in lines if each.arm == "density"]
    found = _machine(chosen, times)
    found |= {f"{name}_exact": value for name, value in _machine(exact, times).items()}
    for name, each in searches.items():
        word = name.replace(" ", "_").replace(".", "")
        found[f"lm_calls_per_second_{word}"] = rates(each.whole)["lm_active_steps"]
    change = difference(searches[FIRST], searches[CHOSEN])
    found |= named("wer_chosen_minus_at_once_percent", change.difference_percent, change)
    for each in lines:
        if each.search.beam == WIDE:
            key = f"wer_{each.system}_{each.arm}_beam16_percent"
            low, high = interval(each.whole)
            found |= {key: wer(each.whole), f"{key}_ci_low": low, f"{key}_ci_high": high}
    return found


def _machine(of: Sequence[Found], times: Times) -> dict[str, float]:
    """Real-time factors, their ratios, and the shares behind them."""
    by = {(each.system, each.search.beam): each for each in of}
    narrow, half, thin = by["qat", WIDE], by["fp32", WIDE], by["qat", NARROW]
    found: dict[str, float] = {}
    for target in TARGETS:
        found[f"rtf_int4_beam16_{target}"] = narrow.rtf(times, target)
        found[f"rtf_fp16_beam16_{target}"] = half.rtf(times, target)
        found[f"speedup_beam16_{target}"] = half.rtf(times, target) / narrow.rtf(times, target)
    at_paper = narrow.rtf_at_paper_rates(times, "rapid1")
    found["rtf_int4_beam16_rapid1_at_paper_rates"] = at_paper
    found["rtf_beam16_over_beam2"] = narrow.rtf(times, "rapid1") / thin.rtf(times, "rapid1")
    here = rates(narrow.whole)
    found["active_step_share"] = here["active_steps"] / here["steps"]
    found["lm_active_step_share"] = here["lm_active_steps"] / here["steps"]
    found["cache_hit_share"] = cache_hits(narrow.whole)
    us_per_step = load_target("rapid1").host.search_us_per_step
    return found | {"host_search_rtf": here["steps"] * us_per_step / 1e6}


def named(key: str, value: float, ends: Interval) -> dict[str, float]:
    """A figure and its interval."""
    return {key: value, f"{key}_ci_low": ends.low, f"{key}_ci_high": ends.high}


def wer(decoded: Decoded) -> float:
    """Percent."""
    return 100 * sum(decoded.errors) / sum(decoded.words)


def interval(decoded: Decoded) -> tuple[float, float]:
    """95 % of the word error rate, by bootstrap over utterances."""
    return bootstrap(np.array(decoded.errors), np.array(decoded.words))


def difference(first: Found, second: Found) -> Interval:
    """WER of the second less that of the first, paired."""
    a, b = first.whole, second.whole
    return paired_bootstrap(np.array(a.errors), np.array(b.errors), np.array(a.words))


def cache_hits(decoded: Decoded) -> float:
    """1 - prefixes that were new / hypotheses."""
    return 1 - sum(decoded.prefixes) / sum(decoded.rows)


def chart(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Beam against the real-time factor and the word error rate."""
    import altair as alt

    arms = {"none": "no LM", "density": "density ratio"}
    names = {"fp32": "FP16", "ptq": "INT4 PTQ", "qat": "INT4 QAT"}
    values = [
        {
            "beam": each["beam"],
            "system": f"{names[each['system']]}, {arms[each['arm']]}",
            "rtf": each["rtf_rapid1"],
            "wer": each["wer_pooled_percent"],
        }
        for each in rows
    ]
    timed = [each for each in values if "PTQ" not in each["system"]]
    x = alt.X("beam:Q").scale(type="log", base=2).axis(values=sorted({v["beam"] for v in values}))
    rtf = alt.Y("rtf:Q").scale(type="log").title("real-time factor, paper-size network, rapid1")
    error = alt.Y("wer:Q").scale(zero=False).title("word error rate, AN4 test and dev [%]")
    dash = alt.StrokeDash("system:N").title(None)
    colour = alt.Color("system:N").title(None)
    panels = [
        alt.Chart(alt.Data(values=part)).mark_line(point=True).encode(x, y, colour, dash)
        for part, y in ((timed, rtf), (values, error))
    ]
    return alt.hconcat(*(each.properties(width=300, height=260) for each in panels))
