"""Record modes, named as VCR.py names them: when a cassette is played, and when it is made."""

from __future__ import annotations

from sttkit.errors import unknown_name

NONE, ONCE, NEW_EPISODES, ALL = MODES = ("none", "once", "new_episodes", "all")
"""Play only; record if there is no cassette; record what is missing; record everything anew."""


def checked_mode(mode: str, *, where: str | None = None) -> str:
    """``mode``, if it is one.

    Raises:
        UsageError: it is none.
    """
    if mode not in MODES:
        raise unknown_name("record mode", mode, MODES, where=where)
    return mode
