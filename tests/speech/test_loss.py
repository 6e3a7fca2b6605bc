"""The transducer loss against every alignment written out, and its gradient against differences."""

from itertools import combinations
from math import fsum, log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from q4compile.speech.loss import rnnt_loss


def all_alignments(scores, labels, frames):
    """-ln of the sum over all orders of `frames` blanks and the labels that end in a blank."""
    steps = frames - 1 + len(labels)
    paths = []
    for writes in combinations(range(steps), len(labels)):
        t = u = 0
        total = 0.0
        for step in range(steps):
            if step in writes:
                total += scores[t, u, labels[u]]
                u += 1
            else:
                total += scores[t, u, 0]
                t += 1
        paths.append(total + scores[t, u, 0])
    highest = max(paths)
    return -(highest + log(fsum(np.exp(np.array(paths) - highest))))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 4)), min_size=1, max_size=3),
    st.floats(0.1, 8.0),
    st.integers(0, 2**32 - 1),
)
def test_equals_the_sum_over_all_alignments(sizes, spread, seed):
    rng = np.random.default_rng(seed)
    frames, labels = (max(size[axis] for size in sizes) for axis in (0, 1))
    logits = spread * torch.from_numpy(rng.standard_normal((len(sizes), frames, labels + 1, 4)))
    targets = torch.from_numpy(rng.integers(1, 4, (len(sizes), labels)))
    loss = rnnt_loss(
        logits, targets, torch.tensor([t for t, _ in sizes]), torch.tensor([u for _, u in sizes])
    )
    scores = logits.log_softmax(-1).numpy()
    wanted = [
        all_alignments(scores[b], targets[b, :u].tolist(), t) for b, (t, u) in enumerate(sizes)
    ]
    assert loss.item() == pytest.approx(np.mean(wanted), rel=1e-12)


def test_gradient_equals_finite_differences():
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(2, 4, 4, 5, dtype=torch.float64, generator=generator, requires_grad=True)
    labels = torch.tensor([[1, 4, 2], [3, 3, 0]])
    frames, lengths = torch.tensor([4, 3]), torch.tensor([3, 2])
    assert torch.autograd.gradcheck(
        lambda x: rnnt_loss(x, labels, frames, lengths), logits, eps=1e-6, atol=1e-8, rtol=1e-6
    )


def test_what_lies_behind_the_lengths_changes_nothing():
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(1, 6, 5, 7, generator=generator)
    labels = torch.tensor([[1, 2, 5, 6]])
    frames, lengths = torch.tensor([4]), torch.tensor([2])
    short = rnnt_loss(logits[:, :4, :3], labels[:, :2], frames, lengths)
    logits[:, 4:], logits[:, :, 3:] = 50.0, -50.0
    logits.requires_grad_()
    long = rnnt_loss(logits, labels, frames, lengths)
    long.backward()
    assert long.item() == short.item()
    assert logits.grad[:, 4:].abs().max() == 0
    assert logits.grad[:, :, 3:].abs().max() == 0


def test_float32_of_a_long_utterance_stays_near_float64():
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(1, 200, 61, 29, dtype=torch.float64, generator=generator)
    labels = torch.randint(1, 29, (1, 60), generator=generator)
    sizes = torch.tensor([200]), torch.tensor([60])
    exact = rnnt_loss(logits, labels, *sizes).item()
    assert rnnt_loss(logits.float(), labels, *sizes).item() == pytest.approx(exact, rel=2e-6)


def test_an_impossible_label_has_infinite_loss():
    logits = torch.zeros(1, 2, 2, 3)
    logits[..., 1] = -torch.inf
    loss = rnnt_loss(logits, torch.tensor([[1]]), torch.tensor([2]), torch.tensor([1]))
    assert loss.item() == torch.inf
