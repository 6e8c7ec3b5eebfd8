"""Telnyx's speech-to-text over WebSocket (``/v2/speech-to-text/transcription``).

Sources: developers.telnyx.com/docs/voice/stt/websocket-streaming with its pages on parameters,
interim results, messages and production patterns, and ``livekit/plugins/telnyx/stt.py`` 1.8.9. The
query chooses one of many engines; with ``input_format=wav`` the audio is a WAV file without an end,
its header first. Messages have no kind: a transcript is what has one. There are interims only for
those who ask for them, and only of some engines; ``Finalize``, ``CloseStream`` and ``KeepAlive``
too are for some engines, which the others ignore, as they do all text they do not know.
"""

from __future__ import annotations

from sttkit.dialects.model import Facts, ProviderFailure, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, confidence, text
from sttkit.dialects.wire import read_wav_body, text_of
from sttkit.events import (
    Audio,
    ClientEvent,
    Config,
    EndOfStream,
    Final,
    Flush,
    Interim,
    Keepalive,
    ServerEvent,
    Unintelligible,
)

_WAV_HEADER_BYTES = 44
_HAS_INTERIMS = ("deepgram", "speechmatics", "soniox")
_HAS_CONTROLS = ("deepgram",)


def _engine(view: View) -> str:
    return str(view.config.get("transcription_engine", "Deepgram")).lower()


def _hears(message: bytes) -> ClientEvent:
    """A WAV header says what the audio behind it is, so it configures the session."""
    if not message.startswith(b"RIFF"):
        return Audio(message)
    header = read_wav_body(message[:_WAV_HEADER_BYTES])
    if len(message) > _WAV_HEADER_BYTES or not isinstance(header, tuple):
        return Unintelligible("no plain WAV header")
    return Config({"sample_rate": header[1]})


def _refuses(event: ClientEvent, view: View) -> Unintelligible | None:
    if isinstance(event, Audio) and "sample_rate" not in view.config:
        return Unintelligible("audio before its WAV header", error="unsupported-format")
    if isinstance(event, (Flush, Keepalive)) and _engine(view) not in _HAS_CONTROLS:
        return Unintelligible(f"{type(event).__name__} is not for this engine")
    if isinstance(event, EndOfStream) and _engine(view) not in _HAS_INTERIMS:
        return Unintelligible("CloseStream is not for this engine")
    return None


def _asked_for(event: ServerEvent, view: View) -> bool:
    return view.config.get("interim_results") == "true" and _engine(view) in _HAS_INTERIMS


def _failure(code: str, title: str, detail: str) -> ProviderFailure:
    error = {"code": code, "title": title, "detail": detail, "source": {"parameter": ""}}
    # "Reconnect only after fixing parameter errors."
    return ProviderFailure(detail, text_of({"errors": [error]}), (1000, ""), retryable=False)


_TRANSCRIPT = {"transcript": text(), "confidence": confidence()}

DIALECT = from_tables(
    name="telnyx",
    source="developers.telnyx.com/docs/voice/stt/websocket-streaming",
    host="api.telnyx.com",
    door=Door("/v2/speech-to-text/transcription", only={"input_format": ("wav",)}),
    ears=Ears(
        {"Finalize": Flush(), "CloseStream": EndOfStream(), "KeepAlive": Keepalive()},
        binary=_hears,
        refuses=_refuses,
    ),
    sayings=(
        Saying(Interim, {**_TRANSCRIPT, "is_final": Is(False)}, when=_asked_for),
        Saying(Final, {**_TRANSCRIPT, "is_final": Is(True)}),
    ),
    http_error=lambda status, message: {"errors": [{"code": str(status), "title": message}]},
    errors={
        "unsupported-format": _failure(
            "40002", "Unsupported format", "Format 'flac' is not supported by engine 'Telnyx'"
        ),
    },
    wrong_types=(
        {"transcript": 7, "is_final": True, "confidence": "high"},
        {"transcript": {"a": 1}, "is_final": "yes"},
        {"transcript": [7], "is_final": True, "confidence": None},
        {"errors": "many"},
    ),
    facts=Facts(
        tells_confidence=True,
        # There are messages for both, but not for the engine that a plugin asks for by default.
        end_marker=False,
        flush_message=False,
        signals_start=False,
        signals_end=False,
    ),
    example="/v2/speech-to-text/transcription?transcription_engine=Telnyx&input_format=wav",
)
