"""Without any one of its posts and waits, a program that is right is wrong, and that is found."""

from dataclasses import replace

import pytest
from sound_programs import SOUND, TARGET, edited

from q4compile.errors import TargetError
from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Bar, Nop
from q4compile.isa.verify import verify
from q4compile.isa.verify.semaphores import indices

SIGNALS = [
    (index, name, bit)
    for index, word in enumerate(SOUND.code)
    for name in ("wait", "post")
    for bit in indices(getattr(word, name))
]
ORDER = {"Q340", "Q341", "Q343"}


def refused(program):
    with pytest.raises(TargetError) as caught:
        verify(program, TARGET)
    return {finding.code for finding in caught.value.findings}


@pytest.mark.parametrize("index, name, bit", SIGNALS)
def test_without_one(index, name, bit):
    word = SOUND.code[index]
    less = replace(word, **{name: getattr(word, name) & ~(1 << bit)})
    assert refused(edited({index: less})) & ORDER


@pytest.mark.parametrize("index", [i for i, w in enumerate(SOUND.code) if isinstance(w, Bar)])
def test_without_a_bar(index):
    assert refused(edited({index: Nop(Engine.LD)})) & ORDER


def test_there_is_something_to_remove():
    assert len(SIGNALS) > 30
