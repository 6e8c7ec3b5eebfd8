"""Deepgram's streaming API, version 1 (``/v1/listen``), and its batch endpoint.

Sources: developers.deepgram.com/reference/speech-to-text/listen-streaming, /docs/keep-alive,
/docs/finalize, /docs/close-stream, /docs/stt-troubleshooting-websocket-data-and-net-errors, and
``livekit/plugins/deepgram/stt.py`` 1.8.9. The request's query configures the session, so there is
no greeting; binary PCM up, JSON keyed by ``type`` down.
"""

from __future__ import annotations

from sttkit.dialects.model import Batch, Facts, ProviderFailure, Refusal, Request, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables, unless
from sttkit.dialects.template import Is, confidence, duration, flag, session, text, time, words
from sttkit.dialects.wire import read_wav_body, text_of
from sttkit.events import (
    EndOfStream,
    Final,
    Flush,
    Interim,
    Keepalive,
    ServerEvent,
    SessionEnded,
    SpeechEnded,
    SpeechStarted,
)

_PATH = "/v1/listen"
_DENIED = "Invalid credentials."


_WORDS = words(confidence="confidence", more=lambda word: {"punctuated_word": word.text})
_RESULTS = {
    "type": Is("Results"),
    "channel_index": [0, 1],
    "duration": duration(),
    "start": time("start"),
    "channel": {
        "alternatives": [{"transcript": text(), "confidence": confidence(), "words": _WORDS}]
    },
    "metadata": {"request_id": session(), "model_uuid": "fake"},
}
_INTERIM = {**_RESULTS, "is_final": Is(False), "speech_final": False, "from_finalize": False}
# The end of an utterance rides on the final's speech_final; a message of its own must be asked for.
_FINAL = {
    **_RESULTS,
    "is_final": Is(True),
    "speech_final": flag("endpoint"),
    "from_finalize": flag("from_flush"),
}
_METADATA = {
    "type": Is("Metadata"),
    "request_id": session(),
    "duration": time("audio_s"),
    "channels": 1,
}


def _ends_utterances(event: ServerEvent, view: View) -> bool:
    return "utterance_end_ms" in view.config


def _read_batch(request: Request) -> tuple[bytes, int] | Refusal:
    if not request.headers.get("authorization"):
        return Refusal(401, _DENIED)
    return read_wav_body(request.body)


def _write_batch(final: Final, duration: float, request: Request) -> object:
    words = [
        {"word": w.text, "start": w.start, "end": w.end, "confidence": final.confidence}
        for w in final.words
    ]
    alternative = {"transcript": final.text, "confidence": final.confidence, "words": words}
    return {
        "metadata": {"request_id": "fake", "duration": duration, "channels": 1},
        "results": {"channels": [{"alternatives": [alternative], "detected_language": "en"}]},
    }


# The documentation says what each means and how to avoid it, not whether to try again.
_DATA_0000 = "The payload cannot be decoded as audio. (DATA-0000)"
_NET_0000 = "The service has not transmitted a text frame within the timeout window. (NET-0000)"
_NET_0001 = "The service has not received an audio or text frame within the timeout. (NET-0001)"


def _error(variant: str, text: str) -> str:
    return text_of({"type": "Error", "description": text, "message": text, "variant": variant})


DIALECT = from_tables(
    name="deepgram",
    source="developers.deepgram.com/reference/speech-to-text/listen-streaming",
    host="api.deepgram.com",
    door=Door(_PATH, denied=_DENIED, only={"encoding": ("linear16",), "channels": ("1",)}),
    # An empty binary message used to end the stream; today it is ignored.
    ears=Ears({"KeepAlive": Keepalive(), "Finalize": Flush(), "CloseStream": EndOfStream()}),
    sayings=(
        Saying(
            SpeechStarted,
            {"type": Is("SpeechStarted"), "channel": [0, 1], "timestamp": time("at")},
            when=unless("vad_events", "false"),
        ),
        Saying(Interim, _INTERIM, when=unless("interim_results", "false")),
        Saying(Final, _FINAL),
        Saying(
            SpeechEnded,
            {"type": Is("UtteranceEnd"), "last_word_end": time("at")},
            when=_ends_utterances,
        ),
        Saying(SessionEnded, _METADATA),
    ),
    http_error=lambda status, message: {
        "err_code": f"HTTP_{status}",
        "err_msg": message,
        "request_id": "fake",
    },
    errors={
        "data-0000": ProviderFailure(
            _DATA_0000, _error("DATA-0000", _DATA_0000), (1008, _DATA_0000)
        ),
        "net-0000": ProviderFailure(_NET_0000, _error("NET-0000", _NET_0000), (1011, _NET_0000)),
        "net-0001": ProviderFailure(_NET_0001, _error("NET-0001", _NET_0001), (1011, _NET_0001)),
    },
    wrong_types=(
        {"type": "Results", "channel": None, "is_final": "yes", "metadata": 3},
        {"type": "Results", "channel": {"alternatives": None}, "is_final": True},
        {"type": "SpeechStarted", "timestamp": None},
        {"type": None},
    ),
    facts=Facts(
        greeting="never",
        answers_empty_flush=True,
        signals_end=False,
        # A result that ends an utterance may have an empty transcript.
        retracts=True,
        tells_times=True,
        tells_confidence=True,
        usage="connection-lifetime",
        idle_limit=10.0,
        idle_close=(1011, _NET_0001),
        bad_message="data-0000",
    ),
    default_rate=None,
    batch=Batch((_PATH,), _read_batch, _write_batch),
    example=f"{_PATH}?encoding=linear16&sample_rate=16000",
)
