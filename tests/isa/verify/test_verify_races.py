"""Races by shadows of memory, against all pairs of words."""

from dataclasses import replace
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st
from sound_programs import NAMED, ROWS, SOUND, TARGET, edited

from q4compile.isa.region import Memory, Region
from q4compile.isa.verify.checks import races
from q4compile.isa.verify.units import Units
from q4compile.isa.verify.walk import walked


def pairs_of(walk):
    """Words that touch a byte and have no order, by their indices."""
    return {
        frozenset((x.event.issued.index, y.event.issued.index))
        for x, y in combinations(walk.touches, 2)
        if not y.event.follows(x.event) and x.done.conflict(y.done) is not None
    }


def reported(verification):
    """The pairs that findings name."""
    found = set()
    for finding in races.findings(verification):
        texts = (finding.at.split("word ")[1], finding.need.split("word ")[1])
        found.add(frozenset(int(text.split()[0].rstrip(":")) for text in texts))
    return found


SIGNALLING = [i for i in range(len(ROWS)) if SOUND.code[i].wait or SOUND.code[i].post]
WORDS = st.sampled_from(SIGNALLING)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "load x": st.fixed_dictionaries({"row_bytes": st.integers(1, 48)}),
        "store y": st.fixed_dictionaries({"row_bytes": st.integers(1, 40)}),
        "x ring": st.fixed_dictionaries({"step": st.integers(0, 30), "modulo": st.just(0)}),
        "sums ring": st.fixed_dictionaries({"step": st.integers(0, 90)}),
    },
)


@given(st.sets(WORDS, max_size=3), CHANGES)
def test_what_is_found_is_what_there_is(silent, changes):
    """Without some semaphores, and with other regions: the same words race, or none do."""
    words = {i: replace(SOUND.code[i], wait=0, post=0) for i in silent}
    for name, values in changes.items():
        index = NAMED[name]
        words[index] = replace(words.get(index, SOUND.code[index]), **values)
    verification = walked(edited(words), TARGET)
    possible = set().union(*map(pairs_of, verification.walks))
    found = reported(verification)
    assert found <= possible
    assert bool(found) == bool(possible)


REGIONS = st.builds(
    Region,
    st.just(Memory.SRAM),
    st.integers(4, 12).map(lambda units: 16 * units),
    st.integers(1, 4),
    st.integers(1, 70),
    st.integers(0, 6).map(lambda units: 16 * units) | st.integers(0, 100),
)


@given(REGIONS)
def test_units_of_a_region(region):
    """All that it touches, and no others where its rows begin at units."""
    units = Units(64, 1024)
    numbers = units.zeros()
    assert units.cover(region) and len(numbers) == 60
    units.of(region, numbers)[...] = 1
    touched = {byte // 16 for start, stop in region.intervals() for byte in range(start, stop)}
    marked = {4 + int(n) for n in numbers.nonzero()[0]}
    assert touched <= marked
    if region.pitch_bytes % 16 == 0:
        assert touched == marked


def test_units_cover_what_lies_within():
    units = Units(64, 128)
    for start, stop, inside in ((64, 128, True), (48, 128, False), (64, 129, False)):
        assert units.cover(Region(Memory.SRAM, start, 1, stop - start, 0)) is inside
