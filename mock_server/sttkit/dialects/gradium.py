"""Gradium's streaming speech to text (``/api/speech/asr``).

Sources: github.com/gradium-ai/gradium-py, docs/websocket_stt_description.md, and
``livekit/plugins/gradium/stt.py`` 1.8.9. JSON both ways, audio as base64 at 24 kHz; the first
message sets the session up. The server says a text word by word, and never again: that a turn has
ended a client concludes from *steps*, the voice detection's reports on 80 ms of audio each, when
they expect silence for as long as the model lags behind. So these steps are what says a final.
"""

from __future__ import annotations

from collections.abc import Iterable

from sttkit.dialects.model import Facts, ProviderFailure, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, Slot, asked, delta, sequence, session
from sttkit.dialects.wire import text_of
from sttkit.events import (
    ClientEvent,
    Config,
    EndOfStream,
    Final,
    Interim,
    Ready,
    ServerEvent,
    SessionEnded,
    Transcript,
    Unintelligible,
)

_STEP_S = 0.08
_DELAY_FRAMES = 6
_RATE = 24000


def _last_word(event: ServerEvent) -> tuple[float, float]:
    assert isinstance(event, Transcript)
    word = event.words[-1] if event.words else event
    return round(word.start, 3), round(word.end, 3)


def _expecting(silence: Is | float) -> dict[str, object]:
    """A step, whose longest horizon is the one that counts."""
    shorter = [{"horizon_s": at, "inactivity_prob": 0.99} for at in (0.5, 1.0)]
    return {
        "type": Is("step"),
        "vad": [*shorter, {"horizon_s": 2.0, "inactivity_prob": silence}],
        # The text was said before.
        "step_idx": Slot(lambda event, view: view.sequence, lambda value: {"text": ""}),
        "step_duration_s": _STEP_S,
    }


def _while_it_lags(event: ServerEvent) -> Iterable[ServerEvent]:
    return [event] * _DELAY_FRAMES


def _refuses(event: ClientEvent, view: View) -> Unintelligible | None:
    if isinstance(event, Config) and event.values.get("input_format") != "pcm":
        return Unintelligible("only the input_format pcm is served here")
    return None


def _failure(code: int, text: str) -> ProviderFailure:
    # The documentation says what each means, not whether to try again.
    frame = text_of({"type": "error", "message": text, "code": code})
    return ProviderFailure(text, frame, (code, text))


DIALECT = from_tables(
    name="gradium",
    source="github.com/gradium-ai/gradium-py, docs/websocket_stt_description.md",
    host="api.gradium.ai",
    door=Door("/api/speech/asr", key="x-api-key", settings=()),
    ears=Ears(
        {"setup": Config, "end_of_stream": EndOfStream()},
        binary=False,
        base64={"audio": "audio"},
        # It has a kind of its own, but nothing is understood before it.
        first="setup",
        refuses=_refuses,
    ),
    sayings=(
        Saying(
            Ready,
            {
                "type": Is("ready"),
                "request_id": session(),
                "model_name": asked("model_name", "default"),
                "sample_rate": _RATE,
                "frame_size": round(_STEP_S * _RATE),
                # The documentation has the one name, the plugin reads the other.
                "delay_in_frames": _DELAY_FRAMES,
                "delay_in_tokens": _DELAY_FRAMES,
                "text_stream_names": [],
            },
        ),
        Saying(
            Interim,
            {
                "type": Is("text"),
                "text": delta(between=" "),
                "start_s": Slot(lambda event, view: _last_word(event)[0]),
                "stream_id": None,
            },
        ),
        Saying(
            Interim,
            {
                "type": Is("end_text"),
                "stop_s": Slot(lambda event, view: _last_word(event)[1]),
                "stream_id": None,
            },
            aside=True,
        ),
        Saying(Final, _expecting(0.98), each=_while_it_lags, aside=True),
        Saying(Final, _expecting(Is(0.99))),
        Saying(SessionEnded, {"type": Is("end_of_stream"), "seq": sequence()}),
    ),
    errors={
        "internal": _failure(1011, "Internal Server Error"),
        "policy": _failure(1008, "Policy Violation: the message was not expected"),
    },
    wrong_types=(
        {"type": "text", "text": None, "start_s": "now"},
        {"type": "text"},
        {"type": "step", "vad": None},
        {"type": "step", "vad": [{"inactivity_prob": "high"}]},
        {"type": "ready", "delay_in_tokens": "soon"},
        {"type": None},
    ),
    facts=Facts(
        greeting="on-config",
        flush_message=False,
        signals_start=False,
        signals_end=False,
        bad_message="policy",
    ),
    rate="sample_rate",
    default_rate=_RATE,
)
