"""Cartesia's streaming API without turn detection (``/stt/websocket``): the model ink-whisper.

Sources: docs.cartesia.ai/api-reference/stt/stt, /use-the-api/stt/troubleshooting/manual, and
``livekit/plugins/cartesia/_recognize_streams/legacy_recognize_stream.py`` 1.8.9. The query
configures the session; binary PCM and bare words up, JSON keyed by ``type`` down. A transcript says
what came since the last final, and how much audio it covers; only its words have times. No message
says that an utterance has ended.
"""

from __future__ import annotations

from sttkit.dialects.model import Facts, ProviderFailure, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, Slot, session, text, words
from sttkit.dialects.wire import text_of
from sttkit.events import EndOfStream, Final, Flush, Interim, ServerEvent, SessionEnded


def _window(event: ServerEvent, view: View) -> object:
    """How much audio a transcript covers: what came since the one before, in seconds."""
    return round(view.heard_s - view.told_s, 3)


def _is_asked_for(event: ServerEvent, view: View) -> bool:
    return isinstance(event, Final) and event.from_flush


_TRANSCRIPT = {
    "type": Is("transcript"),
    "request_id": session(),
    "text": text(),
    "duration": Slot(_window),
    "language": "en",
    "words": words(),
}


def _failure(code: int, text: str) -> ProviderFailure:
    # The documentation says neither which errors there are nor what to do about them.
    return ProviderFailure(text, text_of({"type": "error", "code": code, "message": text}))


DIALECT = from_tables(
    name="cartesia_whisper",
    source="docs.cartesia.ai/api-reference/stt/stt",
    host="api.cartesia.ai",
    door=Door("/stt/websocket", key="x-api-key", only={"encoding": ("pcm_s16le",)}),
    ears=Ears({}, bare={"finalize": Flush(), "close": EndOfStream(), "done": EndOfStream()}),
    sayings=(
        Saying(Interim, {**_TRANSCRIPT, "is_final": Is(False)}),
        Saying(Final, {**_TRANSCRIPT, "is_final": Is(True)}),
        Saying(
            Final,
            {"type": "flush_done", "request_id": session()},
            when=_is_asked_for,
            aside=True,
        ),
        Saying(SessionEnded, {"type": Is("done"), "request_id": session()}),
    ),
    errors={
        "internal": _failure(500, "The transcription failed."),
        "bad-request": _failure(400, "The message was not understood."),
    },
    facts=Facts(
        signals_start=False,
        names_language=True,
        usage="client-audio",
        bad_message="bad-request",
    ),
    default_rate=None,
    example="/stt/websocket?model=ink-whisper&encoding=pcm_s16le&sample_rate=16000",
)
