"""Fine-tuning a character language model: −ln P of the next character, and the float network's P.

L = mean −ln P(next) + distill · mean KL(teacher ‖ student)
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from q4compile.qat import QatModule
from q4compile.speech.distill import fingerprint
from q4compile.speech.processes import ALONE, Processes
from q4compile.speech.vocabulary import Vocabulary

IGNORED = -100
"""Target behind the end of a text."""


@dataclass(frozen=True)
class LmSettings:
    """Texts per step, and the weight of the divergence from the teacher where there is one."""

    batch: int = 64
    distill: float = 1.0


class LmTask:
    """A `Task` of `finetune`: texts in, the loss of a language model out.

    Args:
        vocabulary: Of the model.
        texts: What to read, all of it once per epoch.
        development: What `judge` reads.
        seed: Of the order.
        teacher: The float network; None learns from the texts alone.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        texts: Sequence[str],
        development: Sequence[str],
        seed: int,
        settings: LmSettings = LmSettings(),
        teacher: nn.Module | None = None,
    ) -> None:
        self.lines = _encoded(texts, vocabulary)
        self.judged = _encoded(development, vocabulary)
        self.seed, self.asked = seed, settings
        self.teacher = None if teacher is None else teacher.eval().requires_grad_(False)
        found = {**asdict(settings), "texts": len(texts), "teacher": fingerprint(teacher)}
        self.settings: dict[str, Any] = json.loads(json.dumps(found))

    def batches(self, epoch: int) -> list[Tensor]:
        """int64[B, N] targets of every step, `IGNORED` behind each text."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.lines)).tolist()
        size = self.asked.batch
        return [
            _padded([self.lines[i] for i in order[at : at + size]])
            for at in range(0, len(order), size)
        ]

    def losses(
        self, model: nn.Module, batch: Tensor, processes: Processes = ALONE
    ) -> dict[str, Tensor]:
        """Terms `next` and, with a teacher, `distillation`."""
        rows, factor = processes.rows(len(batch))
        targets = batch[rows].to(processes.device)
        share = factor / int((batch != IGNORED).sum())
        tokens = functional.pad(targets[:, :-1].clamp(min=0), (1, 0))
        scores = model(tokens).float().log_softmax(dim=-1)
        flat = scores.flatten(0, 1)
        lost = functional.nll_loss(flat, targets.flatten(), ignore_index=IGNORED, reduction="sum")
        terms = {"next": share * lost}
        if self.teacher is not None and self.asked.distill:
            with torch.no_grad():
                target = self.teacher(tokens).float().log_softmax(dim=-1)
            apart = (target.exp() * (target - scores)).sum(dim=-1)
            terms["distillation"] = self.asked.distill * share * apart[targets != IGNORED].sum()
        return terms

    @torch.no_grad()
    def judge(self, model: QatModule) -> dict[str, float]:
        """−ln P per character of the development texts, ends included."""
        model.eval()
        here = Processes(device=next(model.parameters()).device)
        size, total, count = self.asked.batch, 0.0, 0
        for start in range(0, len(self.judged), size):
            batch = _padded(self.judged[start : start + size])
            characters = int((batch != IGNORED).sum())
            total += characters * self.losses(model, batch, here)["next"].item()
            count += characters
        return {"development_nats_per_character": round(total / count, 6)}


def _encoded(texts: Sequence[str], vocabulary: Vocabulary) -> list[Tensor]:
    """Each text as int64[N] ids, 0 at its end."""
    return [torch.tensor([*vocabulary.encode(text), 0]) for text in texts]


def _padded(lines: Sequence[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(list(lines), True, IGNORED)
