"""The verifier on a program for several cores: right as it is, refused without one of its waits."""

from dataclasses import replace

import pytest
from cores_program import CORE, EVERY, TARGET, H, code, of_words, program
from test_cores import DIFFERENT, waiting, with_meet

from q4compile.errors import TargetError
from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Bar, Fill, Loop, Meet, Nop, SetA, Share, Std
from q4compile.isa.operand import Address, Scalar
from q4compile.isa.verify import verify
from q4compile.isa.verify.semaphores import indices

CODE = code(2)
SIGNALS = [
    (index, name, bit)
    for index, word in enumerate(CODE)
    for name in ("wait", "post")
    for bit in indices(getattr(word, name))
]
TOGETHER = [index for index, word in enumerate(CODE) if isinstance(word, Meet | Share)]


def refused(made):
    with pytest.raises(TargetError) as caught:
        verify(made, TARGET)
    return caught.value


@pytest.mark.parametrize("cores", [1, 2, 4])
def test_it_is_right(cores):
    verify(program(cores), TARGET)


@pytest.mark.parametrize("index, name, bit", SIGNALS)
def test_without_a_semaphore(index, name, bit):
    words = list(CODE)
    less = getattr(words[index], name) & ~(1 << bit)
    words[index] = replace(words[index], **{name: less})
    codes = {each.code for each in refused(program(2, words)).findings}
    assert codes & {"Q340", "Q341", "Q343"}


@pytest.mark.parametrize("index", TOGETHER)
def test_without_what_cores_do_together(index):
    words = list(CODE)
    engine = Engine.ST if isinstance(words[index], Share) else Engine.LD
    words[index] = Nop(engine, wait=words[index].wait, post=words[index].post)
    codes = {each.code for each in refused(program(2, words)).findings}
    assert codes <= {"Q343", "Q347"}


@pytest.mark.parametrize("name", DIFFERENT)
def test_cores_do_the_same(golden, name):
    golden(f"verify/cores-{name}.txt", str(refused(of_words(DIFFERENT[name]))))


def test_cores_that_wait_for_each_other(golden):
    golden("verify/cores-deadlock.txt", str(refused(waiting(Engine.ST))))


def test_dram_of_another_core_is_read_behind_a_meet(golden):
    golden("verify/cores-race.txt", str(refused(with_meet(Bar(EVERY)))))
    assert "Q343" in str(refused(with_meet(Meet(1 << Engine.LD))))


def test_cores_must_not_write_the_same():
    words = [SetA(1, 0, 1, H), Fill(Address(0), 1, 16, 0, 1, post=1)]
    store = Std(Address(0, 1), Address(0), 1, 16, 0, 0, wait=1)
    assert "Q343" in str(refused(of_words([*words, store], result_bytes=16)))
    only_one = [*words, Nop(Engine.ST, wait=1), Loop(0, Scalar(CORE), 1), replace(store, wait=0)]
    verify(of_words(only_one, result_bytes=16), TARGET)


def test_a_program_has_no_more_cores_than_its_target():
    assert "at most 4 cores" in str(refused(of_words([], cores=5)))


def test_parts_of_a_row_do_not_overlap():
    assert "a pitch of 32 bytes" in str(refused(of_words([Share(Address(0), 2, 16, 16)])))
