"""Soniox's real-time API (``/transcribe-websocket``).

Sources: soniox.com/docs/stt/api-reference/websocket-api, /docs/stt/rt/real-time-transcription,
/docs/stt/rt/endpoint-detection, /docs/stt/rt/manual-finalization, /docs/stt/rt/error-handling,
/docs/stt/rt/connection-keepalive, and ``livekit/plugins/soniox/stt.py`` 1.8.9. The first message
configures; binary PCM up, an empty message ends it. Down come lists of *tokens*: those that may
still change are sent again each time, those that will not only once, and a token of its own says
that an utterance has ended or was finalised. An error is told by a message before the close.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sttkit.dialects.model import Facts, ProviderFailure, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Fields, Is, Slot, time
from sttkit.dialects.wire import number, text_of
from sttkit.events import (
    ClientEvent,
    Config,
    EndOfStream,
    Final,
    Flush,
    Interim,
    Keepalive,
    ServerEvent,
    SessionEnded,
    Transcript,
    Unintelligible,
)

_PER_S = 1000
_ENDPOINT, _FINALIZED = "<end>", "<fin>"
_MAX_SESSION_S = 300 * 60.0


def _tokens(*, final: bool) -> Slot:
    """The text in tokens; the last one of a final says what made it one."""

    def put(event: ServerEvent, view: View) -> object:
        assert isinstance(event, Transcript)
        tokens = [
            {
                "text": said,
                "start_ms": round(start * _PER_S),
                "end_ms": round(end * _PER_S),
                "confidence": event.confidence,
                "is_final": final,
                "language": "en",
            }
            for said, start, end in _pieces(event)
        ]
        if isinstance(event, Final):
            marker = _FINALIZED if event.from_flush else _ENDPOINT
            tokens.append({"text": marker, "is_final": True})
        return tokens

    def take(value: object) -> Fields | None:
        tokens = [t for t in value if isinstance(t, dict)] if isinstance(value, list) else []
        marked = bool(tokens) and tokens[-1].get("text") in (_ENDPOINT, _FINALIZED)
        if marked is not final:
            return None
        spoken = tokens[:-1] if final else tokens
        if not spoken:
            return {"text": ""} if final else None
        return _said(spoken)

    return Slot(put, take)


def _pieces(event: Transcript) -> list[tuple[str, float, float]]:
    """A token for each word, where the words are those of the text; else one for all."""
    texts = [word.text for word in event.words]
    if not texts or " ".join(texts) != event.text:
        return [(event.text, event.start, event.end)]
    spaced = [texts[0], *(f" {text}" for text in texts[1:])]
    starts = [event.start, *(word.start for word in event.words[1:])]
    ends = [*(word.end for word in event.words[:-1]), event.end]
    return list(zip(spaced, starts, ends, strict=True))


def _said(tokens: Sequence[Mapping[str, object]]) -> Fields:
    """What tokens say together; words are not known from them, which need not be words."""
    return {
        "text": "".join(str(token.get("text") or "") for token in tokens),
        "start": number(tokens[0].get("start_ms")) / _PER_S,
        "end": number(tokens[-1].get("end_ms")) / _PER_S,
        "confidence": number(tokens[0].get("confidence")),
    }


def _processed() -> Slot:
    """How much audio there was so far."""
    return Slot(lambda event, view: round(view.heard_s * _PER_S))


def _refuses(event: ClientEvent, view: View) -> Unintelligible | None:
    if not isinstance(event, Config):
        return None
    if event.values.get("audio_format") != "pcm_s16le" or event.values.get("num_channels") != 1:
        return Unintelligible("only mono pcm_s16le is served")
    return None


def _failure(code: int, text: str, *, retryable: bool | None) -> ProviderFailure:
    frame = text_of({"tokens": [], "error_code": code, "error_message": text})
    return ProviderFailure(text, frame, (1000, ""), retryable)


DIALECT = from_tables(
    name="soniox",
    source="soniox.com/docs/stt/api-reference/websocket-api",
    host="stt-rt.soniox.com",
    # The documented `api_key` of the configuration, or the header that newer clients send.
    door=Door("/transcribe-websocket", later=True, denied="Missing API key.", settings=()),
    ears=Ears(
        {"config": Config, "keepalive": Keepalive(), "finalize": Flush()},
        bare={"": EndOfStream(), b"": EndOfStream()},
        first="config",
        refuses=_refuses,
    ),
    sayings=(
        Saying(
            SessionEnded,
            {
                "tokens": [],
                "finished": Is(True),
                "total_audio_proc_ms": time("audio_s", per_s=_PER_S),
            },
        ),
        Saying(Final, {"tokens": _tokens(final=True), "total_audio_proc_ms": _processed()}),
        Saying(Interim, {"tokens": _tokens(final=False), "total_audio_proc_ms": _processed()}),
    ),
    http_error=lambda status, message: {"error_code": status, "error_message": message},
    errors={
        "bad-request": _failure(400, "Invalid request.", retryable=False),
        "timeout": _failure(408, "Request timeout.", retryable=None),
        "internal": _failure(
            500, "The server had an error processing your request.", retryable=None
        ),
        # "Immediately start a new request to continue streaming."
        "terminated": _failure(
            503, "Cannot continue request (code 1). Please restart the request.", retryable=True
        ),
    },
    wrong_types=(
        {"tokens": None, "total_audio_proc_ms": "late"},
        {"tokens": [{"text": None, "is_final": "yes"}]},
        {"tokens": [7, "hello"], "total_audio_proc_ms": []},
        {"tokens": {"text": "hello"}},
    ),
    unknown={"tokens": [], "mystery": 1},
    facts=Facts(
        # There is a message that asks for finals, but a plugin's flush() sends none.
        flush_message=False,
        signals_start=False,
        signals_end=False,
        # Its endpoint token may come alone.
        retracts=True,
        names_language=True,
        tells_times=True,
        usage="server-reported",
        idle_limit=20.0,
        idle_close=(1000, ""),
        bad_message="bad-request",
        session_limit=(_MAX_SESSION_S, "terminated"),
    ),
)
