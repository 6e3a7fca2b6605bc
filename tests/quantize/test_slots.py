"""Tensors of a file against the slots of a network: all that is wrong, in reasonable time."""

from unittest.mock import patch

import numpy as np

from q4compile.quantize import slots
from q4compile.quantize.slots import HINTED, Slot, misfits

SINGLE = np.dtype(np.float32)


def test_hundreds_of_misnamed_tensors_are_all_reported_and_the_first_with_a_near_name():
    """Near names of 400 took 13 seconds: every one is compared with every other."""
    own = {f"layers.{i:03}.weight_hh": Slot((), SINGLE, "layers") for i in range(400)}
    given = {f"layers.{i:03}.weight_ih": np.float32(1) for i in range(400)}
    own["shared"], given["shared"] = Slot((), SINGLE, "shared"), np.float32(1)
    with patch.object(slots, "near", wraps=slots.near) as near:
        found = list(misfits(own, given))
    assert len(found) == 800
    assert near.call_count == HINTED
    assert found[0].fix == "did you mean 'layers.000.weight_ih'?"
    assert found[-1].fix is None
