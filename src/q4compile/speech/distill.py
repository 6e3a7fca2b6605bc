"""Learning from the float network: at each lattice node, what it would write next.

L = Σ w(t, u) · KL(teacher(t, u) ‖ student(t, u))
"""

from hashlib import sha256

import torch
from torch import Tensor, nn

from q4compile.speech.loss import occupancy

FLOOR = 0.05
"""Least weight of a node: a student that strays from the teacher's path must find its way back."""


def distillation(
    student: Tensor, teacher: Tensor, labels: Tensor, frames: Tensor, label_lengths: Tensor
) -> Tensor:
    """``Σ w · KL`` over the lattice; w is P(the teacher's alignment visits t, u) + `FLOOR`.

    Args:
        student: float[B, T, U + 1, V] logits, with gradient.
        teacher: float[B, T, U + 1, V] logits of the float network, of the same frames and labels.
        labels: int64[B, U], padded with anything.
        frames: int64[B], T of each utterance.
        label_lengths: int64[B], U of each utterance.
    """
    with torch.no_grad():
        target = teacher.log_softmax(dim=-1)
        weight = occupancy(teacher, labels, frames, label_lengths)
        weight = (weight + FLOOR) * inside(weight, frames, label_lengths)
    divergence = (target.exp() * (target - student.log_softmax(dim=-1))).sum(dim=-1)
    return (weight * divergence).sum()


def inside(lattice: Tensor, frames: Tensor, label_lengths: Tensor) -> Tensor:
    """bool[B, T, U + 1]: the nodes that belong to each utterance."""
    _, steps, rows = lattice.shape
    times = torch.arange(steps, device=lattice.device) < frames[:, None]
    labels = torch.arange(rows, device=lattice.device) <= label_lengths[:, None]
    return times[:, :, None] & labels[:, None, :]


def fingerprint(teacher: nn.Module | None) -> str | None:
    """Equal for equal teachers: a run that is resumed must have the one it began with."""
    if teacher is None:
        return None
    numbers = [tensor.detach().cpu().numpy().tobytes() for tensor in teacher.parameters()]
    return sha256(b"".join(numbers)).hexdigest()
