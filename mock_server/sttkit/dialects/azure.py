"""Azure's speech service as its SDK speaks to it: the Universal Speech Protocol over WebSocket.

Every message has headers of its own before its body, and belongs to a turn, whose X-RequestId the
client makes up and the server repeats. Times are ticks of 100 ns. Audio begins with a RIFF header,
and an empty body ends it. In continuous recognition a start of speech is told once and its end
only when the audio ends, or is silent for long: phrases come and go between the two
(github.com/Azure-Samples/cognitive-services-speech-sdk/issues/2167).
"""

from __future__ import annotations

from collections.abc import Mapping

from sttkit.dialects.model import Dialect, Facts, Message, ProviderFailure
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, Template, asked, duration, session, text, time
from sttkit.dialects.wire import object_of, text_of
from sttkit.events import (
    Acknowledged,
    Config,
    EndOfStream,
    Final,
    Interim,
    Keepalive,
    SessionEnded,
    SpeechStarted,
)

TICKS = 10_000_000
_RIFF_HEADER = 44
_CONTEXT, _AUDIO, _AUDIO_ENDS = "speech.context", "audio", "audio ends"


class Usp:
    """Headers, an empty line and a body: JSON in text messages, audio in binary ones.

    As a mapping: ``path``, ``request_id`` (of the turn), ``body``.
    """

    def encode(self, value: Mapping[str, object]) -> Message:
        body = value["body"]
        assert isinstance(body, Mapping)
        return (
            f"X-RequestId:{value['request_id']}\r\nPath:{value['path']}\r\n"
            f"Content-Type:application/json; charset=utf-8\r\n\r\n{text_of(body)}"
        )

    def decode(self, message: Message) -> Mapping[str, object] | None:
        if isinstance(message, bytes):
            size = int.from_bytes(message[:2], "big")
            head, body = message[2 : 2 + size].decode("utf-8", "replace"), message[2 + size :]
            return self._of(head, body[_RIFF_HEADER:] if body[:4] == b"RIFF" else body, not body)
        head, blank, said = message.partition("\r\n\r\n")
        value = object_of(said)
        return self._of(head, value or {}) if blank else None

    decode_client = decode

    def _of(self, head: str, body: object, ends: bool = False) -> Mapping[str, object] | None:
        pairs = (line.partition(":") for line in head.split("\r\n"))
        fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
        path = fields.get("path")
        if path is None:
            return None
        path = _AUDIO_ENDS if path == _AUDIO and ends else path
        return {"path": path, "request_id": fields.get("x-requestid", ""), "body": body}


def _says(path: str, body: Mapping[str, Template]) -> Template:
    return {"path": Is(path), "request_id": asked("request_id", ""), "body": body}


def _closed(text: str, code: int, retryable: bool | None) -> ProviderFailure:
    return ProviderFailure(text, None, (code, text), retryable)


DIALECT: Dialect = from_tables(
    name="azure",
    source="learn.microsoft.com: Speech Service WebSocket protocol; "
    "azure-cognitiveservices-speech 1.53.0 on the wire",
    host="eastus.stt.speech.microsoft.com",
    # The key is Ocp-Apim-Subscription-Key or a token, and a container of one's own needs neither.
    door=Door("/speech/recognition/conversation/cognitiveservices/v1", key=None),
    ears=Ears(
        controls={
            _CONTEXT: Config,
            # What SDK it is and how it fared: nothing that anybody answers.
            "speech.config": Keepalive(),
            "telemetry": Keepalive(),
            "speech.agent": Keepalive(),
            _AUDIO_ENDS: EndOfStream(),
        },
        kind_of=lambda message: message["path"],
        binary=False,
        base64={_AUDIO: "body"},
        form=Usp(),
    ),
    default_rate=16000,
    sayings=(
        Saying(
            Acknowledged,
            _says("turn.start", {"context": {"serviceTag": session()}}),
            when=lambda event, view: isinstance(event, Acknowledged) and event.what == "config",
            aside=True,
        ),
        Saying(
            SpeechStarted,
            _says("speech.startDetected", {"Offset": time("at", per_s=TICKS)}),
            when=lambda event, view: view.utterance == 0,
        ),
        Saying(
            Interim,
            _says(
                "speech.hypothesis",
                {
                    "Text": text(),
                    "Offset": time("start", per_s=TICKS),
                    "Duration": duration(per_s=TICKS),
                },
            ),
        ),
        Saying(
            Final,
            _says(
                "speech.phrase",
                {
                    "RecognitionStatus": Is("Success"),
                    "DisplayText": text(),
                    "Offset": time("start", per_s=TICKS),
                    "Duration": duration(per_s=TICKS),
                },
            ),
        ),
        Saying(
            SessionEnded,
            _says("speech.endDetected", {"Offset": time("audio_s", per_s=TICKS)}),
            aside=True,
        ),
        Saying(
            SessionEnded,
            _says(
                "speech.phrase",
                {
                    "RecognitionStatus": Is("EndOfDictation"),
                    "Offset": time("audio_s", per_s=TICKS),
                    "Duration": 0,
                },
            ),
        ),
        Saying(SessionEnded, _says("turn.end", {}), aside=True),
    ),
    errors={
        "internal": _closed("Internal server error.", 1011, retryable=True),
        "quota": _closed("Quota exceeded.", 1007, retryable=None),
    },
    unknown={"path": "mystery", "request_id": "", "body": {"value": 1}},
    facts=Facts(
        greeting="never",
        flush_message=False,
        signals_start=False,  # not each of them
        tells_times=True,
        usage="client-audio",
        idle_limit=300.0,
        idle_close=(1000, "Exceeded maximum websocket connection idle duration(> 300000ms)"),
        bad_message=None,
    ),
)
