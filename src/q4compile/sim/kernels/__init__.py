"""What the engines compute, on arrays: twice, once to be read and once to be fast.

`plain` is numpy on int64, each line an equation of docs/program-format.md. `compiled` has the same
functions and the same results, by numba.
"""
