"""Codes, scales and multipliers as integers."""
