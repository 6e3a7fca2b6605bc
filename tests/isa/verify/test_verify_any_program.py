"""Whatever a program says, the verifier accepts it or names what is wrong; it never breaks."""

from dataclasses import fields, replace

from hypothesis import given, settings
from hypothesis import strategies as st
from sound_programs import SOUND, TARGET, edited

from q4compile.errors import TargetError
from q4compile.isa.instruction import OutOfRange
from q4compile.isa.instructions import Halt, Loop
from q4compile.isa.operand import Address, Scalar
from q4compile.isa.verify import verify

NUMBERS = st.sampled_from([0, 1, 2, 15, 16, 17, 2**10, 2**15, 2**16 - 1, 2**28 - 1, 2**31 - 1, -1])
VALUES = st.one_of(
    NUMBERS,
    st.builds(Address, st.sampled_from([0, 1, 0x800, 2**16, 2**28 - 1]), st.integers(0, 5)),
    st.builds(Scalar, st.integers(0, 5)),
    st.booleans(),
)
INDICES = [i for i, word in enumerate(SOUND.code) if not isinstance(word, Halt)]


@st.composite
def changes(draw):
    """Index → word: up to four of `SOUND`, each with another value in a field."""
    code = dict(enumerate(SOUND.code))
    for _ in range(draw(st.integers(1, 4))):
        index = draw(st.sampled_from(INDICES))
        name = draw(st.sampled_from([field.name for field in fields(code[index])]))
        try:
            changed = replace(code[index], **{name: draw(VALUES)})
        except (OutOfRange, TypeError, AttributeError):
            continue
        # Long loops are for another test: here they would only take time.
        if not isinstance(changed, Loop) or changed.count in (0, 1, 2, Scalar(0), Scalar(1)):
            code[index] = changed
    return {index: word for index, word in code.items() if word != SOUND.code[index]}


@settings(max_examples=60)
@given(changes())
def test_it_is_accepted_or_refused(words):
    try:
        verify(edited(words), TARGET)
    except TargetError as refusal:
        for finding in refusal.findings:
            assert finding.code in ("Q316", "Q317") or "Q340" <= finding.code <= "Q349"
