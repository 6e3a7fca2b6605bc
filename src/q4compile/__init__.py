"""q4compile: from a trained RNN-T to 4-bit weights and activations, measured on recorded speech."""

__version__ = "0.1.0"
