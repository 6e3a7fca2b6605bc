"""Fusion weights that make the fewest errors on a development set.

Each trial is a whole search with its weights: a language model changes which hypotheses survive,
which no list of them from another search would show. Only the encoder's frames are kept.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import optuna
from sqlalchemy.exc import SQLAlchemyError

from q4compile.errors import DataError, Finding
from q4compile.progress import Progress, quiet
from q4compile.speech.evaluate import Heard
from q4compile.speech.score import cer, wer
from q4compile.speech.search.decoder import Decoder
from q4compile.speech.search.fusion import FusionWeights
from q4compile.speech.search.language_model import LanguageModels
from q4compile.speech.search.search import Batch, encoded, search_encoded

STUDY = "fusion"
RATES = {"wer": wer, "cer": cer}
DECIMALS = 3
"""Of a weight: what lies closer together is one trial."""
SEED = 0


@dataclass(frozen=True)
class Ranges:
    """Highest weights; the lowest are 0, but `length` goes as far below as above."""

    external: float = 1.0
    source: float = 1.0
    internal: float = 0.0
    length: float = 1.0


USUAL_RANGES = Ranges()


@dataclass(frozen=True)
class Tuned:
    """The best trial, of equal ones that with the smallest weights."""

    weights: FusionWeights
    percent: float
    """Error rate with these weights."""
    percent_without: float
    """Error rate without any weight."""
    trials: int


def tune(
    decoder: Decoder,
    heard: Heard,
    trials: int,
    path: Path,
    ranges: Ranges = USUAL_RANGES,
    metric: str = "wer",
    progress: Progress = quiet,
) -> Tuned:
    """Run trials until there are `trials`, those of earlier runs in the study `path` counted.

    Args:
        decoder: Its weights play no part, but `internal_frame` does.
        path: An SQLite file, which grows trial by trial.
        metric: ``wer`` or ``cer``.

    Raises:
        DataError: Q589 for a study of other models, settings or speech; Q581 for broken scores.
    """
    wanted = _fingerprint(decoder, heard, ranges, metric)
    study = _study(path, wanted)
    batches = list(encoded(decoder.ears.transducer, heard.features, decoder.config.search.batch))
    left = trials - len(_complete(study))
    for _ in progress(range(left), "trials", max(left, 0)):
        trial = study.ask()
        weights = _drawn(trial, decoder, ranges)
        study.tell(trial, _percent(decoder, heard, batches, weights, metric))
    return _best(study, decoder)


def _study(path: Path, wanted: str) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
        study = optuna.create_study(storage=storage, study_name=STUDY, load_if_exists=True)
    except (SQLAlchemyError, optuna.exceptions.OptunaError) as error:
        raise DataError(_no_study(path, f"{error}".splitlines()[0])) from error
    found = study.user_attrs.get("settings", wanted)
    if found != wanted:
        raise DataError(_another(path, wanted, found))
    if not study.trials:
        study.set_user_attr("settings", wanted)
        for start in ({}, {"external": 0.2, "length": 0.1}, {"length": 0.2}):
            zeros = dict.fromkeys(("external", "source", "internal", "length"), 0.0)
            study.enqueue_trial(zeros | start)
    study.sampler = optuna.samplers.TPESampler(seed=SEED + len(study.trials))
    return study


def _drawn(trial: optuna.Trial, decoder: Decoder, ranges: Ranges) -> FusionWeights:
    """Weights of this trial; 0 for what has no model."""
    has = {"external": decoder.lms.external, "source": decoder.lms.source}
    highest = {k: v for k, v in asdict(ranges).items() if k not in has or has[k] is not None}
    lowest = {key: -value if key == "length" else 0.0 for key, value in highest.items()}
    found = {
        key: round(trial.suggest_float(key, lowest[key], value), DECIMALS)
        for key, value in highest.items()
        if value
    }
    return replace(FusionWeights(internal_frame=decoder.config.weights.internal_frame), **found)


def _percent(
    decoder: Decoder, heard: Heard, batches: Sequence[Batch], weights: FusionWeights, metric: str
) -> float:
    lms = LanguageModels(decoder.lms.external, decoder.lms.source, weights)
    found = search_encoded(
        decoder.ears.transducer, batches, len(heard.features), decoder.config.search, lms
    )
    texts = [decoder.text(each.best.tokens) for each in found]
    return RATES[metric]([each.text for each in heard.utterances], texts).percent


def _complete(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    complete = (optuna.trial.TrialState.COMPLETE,)
    found: list[optuna.trial.FrozenTrial] = study.get_trials(deepcopy=False, states=complete)
    return found


def _best(study: optuna.Study, decoder: Decoder) -> Tuned:
    trials = _complete(study)
    best = min(trials, key=lambda each: (each.value, sum(map(abs, each.params.values()))))
    zero = next(each for each in trials if not any(each.params.values()))
    assert best.value is not None and zero.value is not None
    frame = decoder.config.weights.internal_frame
    numbers: dict[str, Any] = {key: round(each, DECIMALS) for key, each in best.params.items()}
    return Tuned(
        FusionWeights(**numbers, internal_frame=frame), best.value, zero.value, len(trials)
    )


def _fingerprint(decoder: Decoder, heard: Heard, ranges: Ranges, metric: str) -> str:
    """Of everything but the weights."""
    frame = decoder.config.weights.internal_frame
    config = replace(decoder.config, weights=FusionWeights(internal_frame=frame))
    ids = [each.id for each in heard.utterances]
    whole = json.dumps([config.fingerprint(), ids, asdict(ranges), metric])
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def _another(path: Path, wanted: str, found: str) -> Finding:
    return Finding(
        "Q589",
        "the study is one of something else",
        f"{path}",
        f"a study of these models, settings, ranges and speech ({wanted})",
        f"one of others ({found})",
        "name another file with --study, or remove this one",
    )


def _no_study(path: Path, got: str) -> Finding:
    need = "an SQLite file of trials, or a path where one can be made"
    fix = "name another file with --study"
    return Finding("Q589", "the study cannot be opened", f"{path}", need, got, fix)
