"""From a quantized network to a program of one accelerator.

select → plan → emit: what is computed, where it lies, which words do it.
"""
