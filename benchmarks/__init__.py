"""Benchmarks: ratios from one run, beside a peer or a floor. Not tests, and no timers in tests.

`python -m benchmarks` (or `make bench`) runs all and prints a table.
"""
