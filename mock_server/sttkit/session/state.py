"""The states of a connection, and the steps between them.

Everything that changes a connection's state is looked up here, and nowhere else.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """Where a connection stands."""

    HEAD = "waiting for the request"
    HTTP = "answering a plain HTTP request"
    OPEN = "WebSocket open"
    CLOSING = "close frame sent or received"
    DARK = "half-open: swallows everything, says nothing"
    SHUT = "FIN sent, nothing more is said"
    GONE = "the transport is gone"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.HEAD: frozenset({State.HTTP, State.OPEN, State.DARK, State.SHUT, State.GONE}),
    State.HTTP: frozenset({State.DARK, State.SHUT, State.GONE}),
    State.OPEN: frozenset({State.CLOSING, State.DARK, State.SHUT, State.GONE}),
    State.CLOSING: frozenset({State.DARK, State.SHUT, State.GONE}),
    State.DARK: frozenset({State.GONE}),
    State.SHUT: frozenset({State.GONE}),
    State.GONE: frozenset(),
}
