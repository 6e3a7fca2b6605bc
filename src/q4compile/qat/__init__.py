"""Layers of quantization-aware training: what an emitted package imports."""

from q4compile.qat.component import Component, Port, State
from q4compile.qat.grid import Activation
from q4compile.qat.layers import Conv, Embedding, Linear
from q4compile.qat.load import load_package
from q4compile.qat.module import QatModule
from q4compile.qat.recurrent import Gru, Lstm, Rnn
from q4compile.qat.weight import Constant, Weight

__all__ = [
    "Activation",
    "Component",
    "Constant",
    "Conv",
    "Embedding",
    "Gru",
    "Linear",
    "Lstm",
    "Port",
    "QatModule",
    "Rnn",
    "State",
    "Weight",
    "load_package",
]
