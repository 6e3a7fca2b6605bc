"""Decoding with many hypotheses at once, and with language models."""
