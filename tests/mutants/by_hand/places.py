"""Where in the plugin's source mistakes are made."""

from __future__ import annotations

from .model import Change


def stream(before: str, after: str) -> Change:
    return Change("_stream", before, after)


def connection(before: str, after: str) -> Change:
    return Change("_connection", before, after)


def events(before: str, after: str) -> Change:
    return Change("_events", before, after)


def batch(before: str, after: str) -> Change:
    return Change("_batch", before, after)


def gives_up(after: str) -> Change:
    """What `SpeechStream._run` does when a session has failed and is to be retried."""
    return stream("            raise\n\n    @property", f"{after}\n\n    @property")


FIRST_DONE = """\
        await asyncio.wait((receiving, feeding), return_when=asyncio.FIRST_COMPLETED)
        if receiving.done():
            return receiving.result()

        # aiohttp"""
"""In `SpeechStream._watch`: where one of the two tasks of a session is waited for."""
