"""Conformance: which cases there are, playing them, judging them, and saying what was found.

`plan` chooses the cases, `pool` hands `jobs` to worker processes, `casework` is what a worker does
with one, and `surveying` what it finds out first. `check` puts verdicts and owners together into a
`result`, `report` and `junit` write it down. `timeline` prints one run.
"""
