"""Benchmarks: ratios from one run, beside a peer or a floor. Not tests, and no timers in tests.

`python -m benchmarks` (or `make bench`) runs all and prints tables; `python -m benchmarks NAME…`
runs some. Each module listed in `__main__` measures one thing: it has a `TITLE`, and `rows()`.
"""
