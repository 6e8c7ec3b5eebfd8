"""Property tests over whole sessions, for the tests of a plugin.

    from hypothesis import given, settings
    from sttkit.strategies import SEARCHING, assert_holds, scripts

    @settings(SEARCHING, max_examples=200)
    @given(scripts(max_faults=2))
    def test_no_two_faults_break_the_contract(script):
        assert_holds("my_plugin:build", script)

Hypothesis makes scripts up, `assert_holds` plays each in virtual time and asserts the laws, and
what fails is shrunk: fewer faults first. The failure prints the script as YAML, as Python and as
one line for a shell. Nothing else is needed: no fixture, no event loop, no marker.
"""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

from sttkit.conformance.holding import assert_holds
from sttkit.conformance.inventing import (
    IN_A_CALL,
    STREAMING,
    client_steps,
    placed_faults,
    scripts,
    speeches,
)

SEARCHING = settings(
    deadline=None,
    # Explaining costs as many runs again as shrinking does, and tells of draws, not of scripts.
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
)
"""Hypothesis' settings for runs that take longer than the examples it was made for."""

__all__ = [
    "IN_A_CALL",
    "SEARCHING",
    "STREAMING",
    "assert_holds",
    "client_steps",
    "placed_faults",
    "scripts",
    "speeches",
]
