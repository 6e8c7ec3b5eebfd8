"""A process that decodes for one session at a time: what runs inside it.

`sttkit.engine.seats` starts it, and calls `work` there. One call is one piece of work, so a session
is never interrupted by another.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from typing import Protocol

from sttkit.engine.hearing import Hearing
from sttkit.events import ServerEvent
from sttkit.session.engine import Begin, End, Finalize, Hear, Work


class Model(Protocol):
    """What recognises, for one session at a time."""

    def open(self, sample_rate: int) -> Hearing: ...


class _Desk:
    """This process's model, and the session it is busy with."""

    model: Model | None = None
    hearing: Hearing | None = None


def set_up(load: Callable[[], Model]) -> None:
    """Make this process one that decodes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _Desk.model = load()


def ready() -> None:
    """Called to wait until this process is set up."""


def work(piece: Work) -> tuple[ServerEvent, ...]:
    """Do a piece of work of the session that began last."""
    assert _Desk.model is not None
    if isinstance(piece, Begin):
        _Desk.hearing = None
        _Desk.hearing = _Desk.model.open(piece.sample_rate)
        return ()
    hearing = _Desk.hearing
    assert hearing is not None, "audio before the session began"
    if isinstance(piece, Hear):
        return tuple(hearing.hear(piece.pcm))
    if isinstance(piece, Finalize):
        return tuple(hearing.finalize())
    assert isinstance(piece, End)
    return tuple(hearing.end())


def _end_with_parent() -> None:
    """A server that was killed cannot end us."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
