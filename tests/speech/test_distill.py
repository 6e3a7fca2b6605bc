"""Distillation: nodes weigh what the teacher's alignments say, and equal networks have no loss."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from q4compile.speech.distill import FLOOR, distillation, inside
from q4compile.speech.loss import occupancy

SIZES = st.tuples(st.integers(1, 4), st.integers(0, 3))


def visits(scores, labels, frames):
    """P(node is on the alignment | labels), summed over every alignment written out."""
    steps = frames - 1 + len(labels)
    found, total = np.zeros((frames, len(labels) + 1)), 0.0
    for writes in combinations(range(steps), len(labels)):
        t = u = 0
        nodes, score = [(0, 0)], 0.0
        for step in range(steps):
            score += scores[t, u, labels[u] if step in writes else 0]
            t, u = (t, u + 1) if step in writes else (t + 1, u)
            nodes.append((t, u))
        share = np.exp(score + scores[t, u, 0])
        total += share
        for node in nodes:
            found[node] += share
    return found / total


def lattice(sizes, seed, spread=3.0):
    rng = np.random.default_rng(seed)
    frames, labels = (max(size[axis] for size in sizes) for axis in (0, 1))
    logits = spread * torch.from_numpy(rng.standard_normal((len(sizes), frames, labels + 1, 4)))
    targets = torch.from_numpy(rng.integers(1, 4, (len(sizes), labels)))
    return logits, targets, *(torch.tensor(axis) for axis in zip(*sizes, strict=True))


@settings(max_examples=30, deadline=None)
@given(st.lists(SIZES, min_size=1, max_size=3), st.integers(0, 2**32 - 1))
def test_occupancy_is_the_share_of_alignments_through_a_node(sizes, seed):
    logits, labels, frames, lengths = lattice(sizes, seed)
    found = occupancy(logits, labels, frames, lengths).numpy()
    scores = logits.log_softmax(-1).numpy()
    for b, (t, u) in enumerate(sizes):
        wanted = visits(scores[b], labels[b, :u].tolist(), t)
        np.testing.assert_allclose(found[b, :t, : u + 1], wanted, rtol=1e-9, atol=1e-12)
        assert found[b].sum() == pytest.approx(t + u)  # an alignment has t + u nodes


def test_a_student_that_agrees_has_no_loss_and_no_gradient():
    logits, *rest = lattice([(4, 3), (2, 1)], 0)
    student = logits.clone().requires_grad_()
    loss = distillation(student, logits, *rest)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert student.grad.abs().max() < 1e-12


def test_nodes_outside_an_utterance_do_not_count():
    logits, *rest = lattice([(4, 3), (2, 1)], 1)
    student = torch.zeros_like(logits, requires_grad=True)
    distillation(student, logits, *rest).backward()
    own = inside(logits[..., 0], rest[1], rest[2])
    assert (student.grad[~own] == 0).all()
    assert (student.grad[own] != 0).any(dim=-1).all()  # every node inside has at least the floor
    assert FLOOR > 0
