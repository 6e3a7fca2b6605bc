"""Fine-tuning an RNN-T: its own loss on disturbed speech, and the float network's opinion.

L = loss per label + distill · KL(teacher ‖ student) per lattice node
"""

import json
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from q4compile.qat import QatModule
from q4compile.speech.batches import (
    Batch,
    Disturbance,
    epoch_batches,
    plain_batches,
    plain_features,
)
from q4compile.speech.distill import distillation, fingerprint
from q4compile.speech.greedy import greedy
from q4compile.speech.loss import rnnt_losses
from q4compile.speech.material import Material
from q4compile.speech.package_networks import package_transducer
from q4compile.speech.processes import ALONE, Processes
from q4compile.speech.score import wer


@dataclass(frozen=True)
class RnntSettings:
    """What one batch is and what is asked of the network on it.

    Args:
        batch_seconds: Sound per step, padding included.
        distill: Weight of the divergence from the teacher, where there is one.
        own: Weight of the transducer loss on the transcripts.
        disturbance: Changes to the training examples.
    """

    batch_seconds: float = 48.0
    distill: float = 1.0
    own: float = 1.0
    disturbance: Disturbance = field(default_factory=Disturbance)


class RnntTask:
    """A `Task` of `finetune`: sound in, the loss of an RNN-T out.

    Args:
        given: What to hear.
        seed: Of the order and the disturbances of the examples.
        teacher: The float network; None learns from transcripts alone.
    """

    def __init__(
        self,
        given: Material,
        seed: int,
        settings: RnntSettings = RnntSettings(),
        teacher: nn.Module | None = None,
    ) -> None:
        self.given, self.seed, self.asked = given, seed, settings
        self.teacher = None if teacher is None else teacher.eval().requires_grad_(False)
        heard = [{**asdict(one), "corpus": one.corpus.name} for one in given.sources]
        self.settings: dict[str, Any] = json.loads(
            json.dumps({**asdict(settings), "sources": heard, "teacher": fingerprint(teacher)})
        )

    def batches(self, epoch: int) -> list[Batch]:
        """All batches of `epoch`."""
        given, asked = self.given, self.asked
        shares = [source.share for source in given.sources]
        return epoch_batches(
            given.heard,
            shares,
            given.listener,
            asked.disturbance,
            asked.batch_seconds,
            self.seed,
            epoch,
        )

    def losses(
        self, model: nn.Module, batch: Batch, processes: Processes = ALONE
    ) -> dict[str, Tensor]:
        """Terms `transducer` and, with a teacher, `distillation`."""
        rows, factor = processes.rows(len(batch.lengths))
        own = batch.rows(rows, processes.device)
        logits: Tensor = model(own.features, own.lengths, own.tokens).float()
        frames = frame_counts(own.lengths, batch.features.shape[1], logits.shape[1])
        labels = int(batch.label_lengths.sum())
        losses = rnnt_losses(logits, own.labels, frames, own.label_lengths)
        terms = {"transducer": self.asked.own * factor * losses.sum() / labels}
        if self.teacher is not None and self.asked.distill:
            with torch.no_grad():
                target = self.teacher(own.features, own.lengths, own.tokens).float()
            divergence = distillation(logits, target, own.labels, frames, own.label_lengths)
            terms["distillation"] = self.asked.distill * factor * divergence / labels
        return terms

    @torch.no_grad()
    def judge(self, model: QatModule) -> dict[str, float]:
        """Mean terms on the development recordings, that of the transducer first; and WER."""
        model.eval()
        here = Processes(device=next(model.parameters()).device)
        sums: dict[str, float] = {}
        labels = 0
        for batch in plain_batches(
            self.given.judged, self.given.listener, self.asked.batch_seconds
        ):
            count = int(batch.label_lengths.sum())
            labels += count
            for name, term in self.losses(model, batch, here).items():
                sums[name] = sums.get(name, 0.0) + count * term.item()
        means = {f"development_{name}": round(total / labels, 6) for name, total in sums.items()}
        return {**means, "development_wer_percent": round(self._wer(model), 3)}

    def _wer(self, model: QatModule) -> float:
        listener, judged = self.given.listener, self.given.judged
        heard = package_transducer(deepcopy(model).cpu())  # the search feeds arrays
        tokens = greedy(heard, plain_features(judged, listener))
        return wer(judged.texts, [listener.vocabulary.decode(ids) for ids in tokens]).percent


def frame_counts(lengths: Tensor, steps: int, frames: int) -> Tensor:
    """int64[B]: encoder frames of inputs of `lengths`, where `steps` of them make `frames`.

    T' = ceil(T / f): the longest utterance fills the batch, so f is T / T' to the nearest.
    """
    factor = max(1, round(steps / frames))
    return ((lengths + factor - 1) // factor).clamp(max=frames)
