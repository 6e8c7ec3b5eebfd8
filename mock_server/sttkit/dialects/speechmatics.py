"""Speechmatics' API for voice agents (``/v2/agent``).

Sources: docs.speechmatics.com/api-ref/realtime-transcription-websocket (handshake, errors, close
codes), ``speechmatics/agent_stt`` 0.1.0, and ``livekit/plugins/speechmatics/stt.py`` 1.8.9. The
first message configures and is answered; binary PCM up, JSON keyed by ``message`` down. A *turn* is
an utterance, a *segment* what one final fixes. Turns are closed by the server's voice detection,
which is all that is served here. An error ends the session.
"""

from __future__ import annotations

from collections.abc import Mapping

from sttkit.dialects.model import Facts, ProviderFailure, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, session, text, time, utterance
from sttkit.dialects.wire import text_of
from sttkit.events import (
    ClientEvent,
    Config,
    EndOfStream,
    Final,
    Flush,
    Interim,
    Ready,
    SessionEnded,
    SpeechEnded,
    SpeechStarted,
    Unintelligible,
)

_START = "StartRecognition"


def _kind(message: Mapping[str, object]) -> object:
    return message.get("message")


def _refuses(event: ClientEvent, view: View) -> Unintelligible | None:
    if not isinstance(event, Config):
        return None
    if view.config:
        return Unintelligible("a second StartRecognition", error="protocol_error")
    asked_for = event.values
    if asked_for.get("audio_format.encoding") != "pcm_s16le":
        return Unintelligible("only pcm_s16le is served", error="invalid_audio_type")
    if asked_for.get("audio_format.sample_rate") != 16000:
        return Unintelligible("only 16 kHz is served", error="invalid_audio_type")
    if asked_for.get("turn_config.turn_detection_mode", "vad") != "vad":
        return Unintelligible("turns that the client closes are not served here")
    return None


def _segment(kind: str) -> dict[str, object]:
    return {
        "message": Is(kind),
        "segment": {"transcript": text(), "speaker": "S1"},
        "metadata": {"start_time": time("start"), "end_time": time("end")},
    }


def _turn(kind: str, at: str) -> dict[str, object]:
    return {"message": Is(kind), "turn_id": utterance(), "metadata": {at: time("at")}}


def _failure(kind: str, text: str, code: int, *, retryable: bool | None = None) -> ProviderFailure:
    def explained(reason: str) -> str:
        return text_of({"message": "Error", "type": kind, "reason": reason})

    return ProviderFailure(text, explained(text), (code, kind), retryable, explained)


DIALECT = from_tables(
    name="speechmatics",
    source="docs.speechmatics.com/api-ref/realtime-transcription-websocket",
    host="eu2.rt.speechmatics.com",
    door=Door("/v2/agent", settings=()),
    ears=Ears(
        {_START: Config, "ForceEndOfUtterance": Flush(), "EndOfStream": EndOfStream()},
        kind_of=_kind,
        first=_START,
        refuses=_refuses,
    ),
    sayings=(
        Saying(
            Ready,
            {
                "message": Is("RecognitionStarted"),
                "id": session(),
                "language_pack_info": {"word_delimiter": " ", "writing_direction": "left-to-right"},
            },
        ),
        Saying(SpeechStarted, _turn("StartOfTurn", "start_time")),
        Saying(Interim, _segment("AddPartialSegment")),
        Saying(Final, _segment("AddSegment")),
        Saying(SpeechEnded, _turn("EndOfTurn", "end_time")),
        Saying(SessionEnded, {"message": Is("EndOfTranscript")}),
    ),
    errors={
        "invalid_message": _failure(
            "invalid_message", "The message was not understood.", 1003, retryable=False
        ),
        "protocol_error": _failure(
            "protocol_error", "The message was not expected now.", 1003, retryable=False
        ),
        "invalid_audio_type": _failure(
            "invalid_audio_type", "The audio type is not supported.", 1003, retryable=False
        ),
        # "For the following errors only, we recommend adding a client retry interval".
        "quota_exceeded": _failure(
            "quota_exceeded", "Too many sessions at a time.", 4005, retryable=True
        ),
        "job_error": _failure("job_error", "The recognition failed.", 4013, retryable=True),
        "internal_error": _failure("internal_error", "Something went wrong.", 1011, retryable=True),
    },
    wrong_types=(
        {"message": "AddPartialSegment", "segment": None, "metadata": 7},
        {
            "message": "AddSegment",
            "segment": {"transcript": ["a"]},
            "metadata": {"start_time": "x"},
        },
        {"message": "EndOfTurn", "metadata": None, "turn_id": []},
        {"message": 5},
        {"message": None},
    ),
    unknown={"message": "Mystery", "value": 1},
    facts=Facts(
        greeting="on-config",
        greeting_required=True,
        # There is ForceEndOfUtterance, but with the server's voice detection a client sends none.
        flush_message=False,
        tells_times=True,
        usage="client-audio",
        transient_closes=frozenset({1011, 4005, 4013}),
        bad_message="invalid_message",
    ),
    rate="audio_format.sample_rate",
)
