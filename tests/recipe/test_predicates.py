import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from q4compile.recipe.predicates import KEYS, Between, Like, Numbers, OneOf, Patterns
from q4compile.recipe.subject import BOUNDS, POSITIONS, ROLES, Measured, Subject

FIELD = {field.key: field for field in KEYS}

LSTM = Subject(
    component="encoder",
    node="encoder/lstm.0",
    op="LSTM",
    role="recurrent_weight",
    name="encoder.lstm.0.R",
    shape=(2, 2560, 640),
    position=frozenset({"first"}),
    consumers=frozenset({"LSTM"}),
    measured=Measured(max_abs=0.5, kurtosis=3.25, skew=-0.1, outlier_share=1e-4),
)
INPUT = Subject("joint", "joint/out", "Gemm", "input", "x", (None, 640), producer="Tanh")


@pytest.mark.parametrize(
    ("predicate", "subject", "reason"),
    [
        (OneOf(FIELD["op"], ("LSTM", "GRU")), LSTM, None),
        (OneOf(FIELD["op"], ("LSTM",)), INPUT, "op is Gemm, not LSTM"),
        (
            OneOf(FIELD["role"], ("weight", "table")),
            LSTM,
            "role is recurrent_weight, not weight or table",
        ),
        (OneOf(FIELD["component"], ("joint",)), INPUT, None),
        (OneOf(FIELD["position"], ("last", "first")), LSTM, None),
        (OneOf(FIELD["position"], ("last",)), LSTM, "position is first, not last"),
        (OneOf(FIELD["position"], ("last",)), INPUT, "position is none, not last"),
        (OneOf(FIELD["producer"], ("none",)), LSTM, None),
        (OneOf(FIELD["producer"], ("Relu",)), INPUT, "producer is Tanh, not Relu"),
        (OneOf(FIELD["consumer"], ("LSTM",)), LSTM, None),
        (OneOf(FIELD["bounded_by"], ("tanh",)), LSTM, "bounded_by is none, not tanh"),
        (Like(FIELD["name"], ("x", "*.R")), LSTM, None),
        (Like(FIELD["name"], ("Encoder.*",)), LSTM, "name is encoder.lstm.0.R, not like Encoder.*"),
        (Between(FIELD["size"], low=2 * 2560 * 640, high=2 * 2560 * 640), LSTM, None),
        (Between(FIELD["size"], low=1), INPUT, "size is not known before the model runs"),
        (Between(FIELD["kurtosis"], high=3), LSTM, "kurtosis is 3.25, above 3"),
        (Between(FIELD["max_abs"], low=1), LSTM, "max_abs is 0.5, below 1"),
        (Between(FIELD["skew"], low=-1, high=1), LSTM, None),
        (Between(FIELD["outlier_share"], low=0.5), INPUT, "outlier_share was not measured"),
    ],
)
def test_declines(predicate, subject, reason):
    assert predicate.declines(subject) == reason


def test_keys_are_sorted_and_all_there():
    keys = [field.key for field in KEYS]
    assert keys == sorted(keys)
    assert set(keys) == (
        {"component", "op", "name", "role", "position", "producer", "consumer", "size"}
        | {"max_abs", "kurtosis", "skew", "outlier_share", "bounded_by"}
    )
    measured = {field.key for field in KEYS if isinstance(field, Numbers) and field.measured}
    assert measured == {"max_abs", "kurtosis", "skew", "outlier_share"}


letters = st.text(string.ascii_lowercase[:3] + ".", min_size=1, max_size=3)
numbers = st.floats(-4, 4)
subjects = st.builds(
    Subject,
    component=letters,
    node=letters,
    op=letters,
    role=st.sampled_from(ROLES),
    name=letters,
    shape=st.tuples(st.none() | st.integers(0, 3)),
    position=st.frozensets(st.sampled_from(POSITIONS)),
    producer=st.none() | letters,
    consumers=st.frozensets(letters),
    bounded_by=st.sampled_from(BOUNDS),
    measured=st.none() | st.builds(Measured, numbers, numbers, numbers, numbers),
)


@st.composite
def predicates(draw, field):
    if isinstance(field, Numbers):
        return Between(field, draw(numbers | st.just(-float("inf"))), draw(numbers))
    if isinstance(field, Patterns):
        pattern = st.text("ab.*?", min_size=1, max_size=3)
        return Like(field, tuple(draw(st.lists(pattern, min_size=1, max_size=3))))
    words = letters if field.known is None else st.sampled_from(field.known)
    return OneOf(field, tuple(draw(st.lists(words, min_size=1, max_size=3))))


@pytest.mark.parametrize("field", KEYS, ids=lambda field: field.key)
@given(data=st.data())
def test_what_covers_holds_wherever_the_other_holds(field, data):
    wide, narrow = data.draw(predicates(field)), data.draw(predicates(field))
    subject = data.draw(subjects)
    assert wide.covers(wide)
    if wide.covers(narrow) and narrow.declines(subject) is None:
        assert wide.declines(subject) is None


@given(st.data())
def test_covers_tells_one_literal_from_a_pattern(data):
    literal = data.draw(letters)
    pattern = Like(FIELD["name"], (literal[0] + "*",))
    assert pattern.covers(Like(FIELD["name"], (literal,)))
    assume(len(literal) > 1)
    assert not Like(FIELD["name"], (literal,)).covers(pattern)
