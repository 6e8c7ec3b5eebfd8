"""Deepgram's streaming API, version 1 (``/v1/listen``), and its batch endpoint.

Sources: developers.deepgram.com/reference/speech-to-text/listen-streaming, /docs/keep-alive,
/docs/finalize, /docs/close-stream, /docs/stt-troubleshooting-websocket-data-and-net-errors, and
``livekit/plugins/deepgram/stt.py`` 1.8.9. The request's query configures the session, so there is
no greeting; binary PCM up, JSON keyed by ``type`` down.
"""

from __future__ import annotations

from collections.abc import Mapping

from sttkit.dialects.model import (
    Batch,
    Dialect,
    Facts,
    Message,
    Opening,
    ProviderFailure,
    Refusal,
    Request,
    View,
)
from sttkit.dialects.wire import (
    number,
    object_of,
    read_wav_body,
    sample_rate_of,
    text_of,
    words_of,
)
from sttkit.events import (
    Audio,
    ClientEvent,
    EndOfStream,
    Final,
    Flush,
    Interim,
    Keepalive,
    ProviderError,
    ServerEvent,
    SessionEnded,
    SpeechEnded,
    SpeechStarted,
    Transcript,
    Unintelligible,
)

_PATH = "/v1/listen"


def _open(request: Request) -> Opening | Refusal:
    if request.path != _PATH:
        return Refusal(404, f"nothing at {request.path}")
    if not request.headers.get("authorization"):
        return Refusal(401, "Invalid credentials.")
    if request.first("encoding", "linear16") != "linear16" or request.first("channels", "1") != "1":
        return Refusal(400, "only mono linear16 is served here")
    if sample_rate_of(request.first("sample_rate")) is None:
        return Refusal(400, "a sample_rate is required with encoding=linear16")
    config = {
        key: values[0] if len(values) == 1 else list(values)
        for key, values in request.query.items()
    }
    return Opening(config, sample_rate=_rate_of(config))


def _rate_of(config: Mapping[str, object]) -> int:
    return sample_rate_of(config.get("sample_rate")) or 16000


def _read(message: Message, view: View) -> ClientEvent:
    if isinstance(message, bytes):
        # An empty binary message used to end the stream; today it is ignored.
        return Audio(message) if len(message) % 2 == 0 else Unintelligible("odd length of audio")
    value = object_of(message)
    kind = value.get("type") if value is not None else None
    if kind == "KeepAlive":
        return Keepalive()
    if kind == "Finalize":
        return Flush()
    if kind == "CloseStream":
        return EndOfStream()
    return Unintelligible(f"unknown type {kind!r}" if value is not None else "not a JSON object")


def _results(
    said: Transcript, view: View, *, is_final: bool, speech_final: bool, flush: bool
) -> str:
    words = [
        {
            "word": word.text,
            "start": word.start,
            "end": word.end,
            "confidence": said.confidence,
            "punctuated_word": word.text,
        }
        for word in said.words
    ]
    return text_of(
        {
            "type": "Results",
            "channel_index": [0, 1],
            "duration": round(said.end - said.start, 3),
            "start": said.start,
            "is_final": is_final,
            "speech_final": speech_final,
            "channel": {
                "alternatives": [
                    {"transcript": said.text, "confidence": said.confidence, "words": words}
                ]
            },
            "metadata": {"request_id": view.session_id, "model_uuid": "fake"},
            "from_finalize": flush,
        }
    )


def _write(event: ServerEvent, view: View) -> list[Message]:
    if isinstance(event, SpeechStarted):
        # vad_events=false switches the message off; a transcript then starts the speech.
        if view.config.get("vad_events") == "false":
            return []
        return [text_of({"type": "SpeechStarted", "channel": [0, 1], "timestamp": event.at})]
    if isinstance(event, Interim):
        if view.config.get("interim_results") == "false":
            return []
        return [_results(event, view, is_final=False, speech_final=False, flush=False)]
    if isinstance(event, Final):
        return [
            _results(
                event,
                view,
                is_final=True,
                speech_final=event.endpoint,
                flush=event.from_flush,
            )
        ]
    if isinstance(event, SessionEnded):
        return [
            text_of(
                {
                    "type": "Metadata",
                    "request_id": view.session_id,
                    "duration": event.audio_s,
                    "channels": 1,
                }
            )
        ]
    # The end of an utterance rides on the final's speech_final; there is no message of its own.
    return []


def _explain(message: Message) -> ServerEvent | None:
    value = object_of(message)
    if value is None:
        return None
    kind = value.get("type")
    if kind == "SpeechStarted":
        return SpeechStarted(number(value.get("timestamp")))
    if kind == "UtteranceEnd":
        return SpeechEnded(number(value.get("last_word_end")))
    if kind == "Metadata":
        return SessionEnded(number(value.get("duration")))
    if kind == "Error":
        return ProviderError(str(value.get("variant", "")))
    if kind != "Results":
        return None
    channel = value.get("channel")
    alternatives = channel.get("alternatives") if isinstance(channel, dict) else None
    best = alternatives[0] if isinstance(alternatives, list) and alternatives else {}
    if not isinstance(best, dict):
        return None
    text = str(best.get("transcript", ""))
    start = number(value.get("start"))
    end = round(start + number(value.get("duration")), 3)
    words = words_of(best.get("words"))
    confidence = number(best.get("confidence"))
    if not value.get("is_final"):
        return Interim(text, start, end, words, confidence)
    return Final(
        text,
        start,
        end,
        words,
        confidence,
        from_flush=value.get("from_finalize") is True,
        endpoint=value.get("speech_final") is True,
    )


def _http_error(status: int, message: str) -> object:
    return {"err_code": f"HTTP_{status}", "err_msg": message, "request_id": "fake"}


def _read_batch(request: Request) -> tuple[bytes, int] | Refusal:
    if not request.headers.get("authorization"):
        return Refusal(401, "Invalid credentials.")
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


DIALECT = Dialect(
    name="deepgram",
    source="developers.deepgram.com/reference/speech-to-text/listen-streaming",
    host="api.deepgram.com",
    open=_open,
    read=_read,
    write=_write,
    explain=_explain,
    http_error=_http_error,
    errors={
        "data-0000": ProviderFailure(
            _DATA_0000, _error("DATA-0000", _DATA_0000), (1008, _DATA_0000)
        ),
        "net-0000": ProviderFailure(_NET_0000, _error("NET-0000", _NET_0000), (1011, _NET_0000)),
        "net-0001": ProviderFailure(_NET_0001, _error("NET-0001", _NET_0001), (1011, _NET_0001)),
    },
    unknown=text_of({"type": "Mystery", "value": 1}),
    wrong_types=(
        text_of({"type": "Results", "channel": None, "is_final": "yes", "metadata": 3}),
        text_of({"type": "Results", "channel": {"alternatives": None}, "is_final": True}),
        text_of({"type": "SpeechStarted", "timestamp": None}),
        text_of({"type": None}),
    ),
    facts=Facts(
        greeting="never",
        answers_empty_flush=True,
        signals_end=False,
        usage="connection-lifetime",
        idle_limit=10.0,
        idle_close=(1011, _NET_0001),
        bad_message="data-0000",
    ),
    rate_of=_rate_of,
    batch=Batch((_PATH,), _read_batch, _write_batch),
    example=f"{_PATH}?encoding=linear16&sample_rate=16000",
)
