"""Any name becomes a valid, unique and harmless Python name."""

import ast
import keyword

from hypothesis import given
from hypothesis import strategies as st

from q4compile.qat import Component, QatModule
from q4compile.qat.emit.names import (
    LONGEST,
    MODULE_NAMES,
    Names,
    identifier,
    literal,
    printable,
    without,
    words,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT)
def test_identifiers(text):
    name = identifier(words(text), "value")
    assert name.isidentifier() and name.isascii() and not keyword.iskeyword(name)
    assert not name.startswith("_") and len(name) <= LONGEST + len("value_")


@given(TEXT)
def test_literals_give_the_text_back(text):
    assert ast.literal_eval(literal(text)) == text
    assert literal(text).isascii() and "\n" not in literal(text)


@given(TEXT)
def test_docstrings_and_comments_stay_closed(text):
    source = f'"""{printable(text)}."""\nx = 1  # {printable(text)}\n'
    tree = ast.parse(source)
    assert [type(each) for each in tree.body] == [ast.Expr, ast.Assign]
    assert source.isascii()


@given(st.lists(TEXT, max_size=8))
def test_names_differ(texts):
    names = Names(MODULE_NAMES)
    given = [names.fresh(identifier(words(text), "value")) for text in texts]
    assert len(set(given)) == len(given)
    assert not MODULE_NAMES & set(given)


def test_what_modules_have_already_is_taken():
    public = {name for kind in (Component, QatModule) for name in dir(kind())}
    assert {name for name in public if not name.startswith("_")} <= MODULE_NAMES


def test_noise_of_exporters_goes():
    def shown(name, op=""):
        return identifier(without(words(name), "encoder", op), "value")

    assert shown("/encoder/layers.0/lstm/LSTM", "LSTM") == "layers_0_lstm"
    assert shown("/encoder/projection/MatMul", "MatMul") == "projection"
    assert shown("/joint/output/MatMul_3", "MatMul") == "joint_output_3"
    assert shown("/encoder/Slice_1_output_0") == "slice_1"
    assert shown("node_linear_2") == "linear_2"
    assert shown("encoder") == "encoder"
    assert shown("__import__") == "import_"
    assert shown("2") == "value_2"
