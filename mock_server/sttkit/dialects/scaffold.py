"""A dialect to begin with, a factory, and a test: what ``sttkit dialects new`` writes.

It speaks a plain JSON protocol, the one of the reference plugin, so that there is something to
check from the first minute on; table by table it becomes the provider's.
"""

from __future__ import annotations

from string import Template

# The TODOs belong to the text that is written: they tell its author what is left to fill in.
_DIALECT = Template('''\
"""$title's streaming speech-to-text. TODO: the page that says so, and the plugin's release."""

from sttkit.dialects.model import Facts, ProviderFailure
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, confidence, session, text, time, words
from sttkit.events import (
    Config,
    EndOfStream,
    Final,
    Flush,
    Interim,
    Keepalive,
    Ready,
    SessionEnded,
    SpeechEnded,
    SpeechStarted,
)

# What a transcript says, under the provider's keys; per_s=1000 where it counts in milliseconds.
TRANSCRIPT = {
    "text": text(),
    "start": time("start"),
    "end": time("end"),
    "confidence": confidence(),
    "words": words(),
}

DIALECT = from_tables(
    name="$name",
    source="TODO: docs.$name.example/streaming",
    host="api.$name.example",
    # Who is let in: the path, the header (or ?parameter) of the key, where the configuration is.
    door=Door("/ws/transcribe", key="authorization", settings=()),
    # What the client says, by the kind of message.
    ears=Ears(
        controls={
            "config": Config,
            "keepalive": Keepalive(),
            "flush": Flush(),
            "end_of_stream": EndOfStream(),
        },
        first="config",
    ),
    # What the server says: `Is` tells messages apart, slots hold what an event says.
    sayings=(
        Saying(Ready, {"type": Is("ready"), "session_id": session()}),
        Saying(SpeechStarted, {"type": Is("speech_started"), "start": time("at")}),
        Saying(Interim, {"type": Is("interim"), **TRANSCRIPT}),
        Saying(Final, {"type": Is("final"), **TRANSCRIPT}),
        Saying(SpeechEnded, {"type": Is("speech_ended"), "end": time("at")}),
        Saying(SessionEnded, {"type": Is("session_ended"), "duration": time("audio_s")}),
    ),
    # Errors that the provider documents, and whether it says that trying again helps.
    errors={
        "busy": ProviderFailure(
            "no room",
            '{"type":"error","code":"busy","message":"no room","retryable":true}',
            (1013, "try again later"),
            retryable=True,
        ),
    },
    facts=Facts(greeting="on-config", greeting_required=True),
)


def build(context):
    """The plugin under test, told to go to the fake server. TODO: the provider's own plugin."""
    from livekit.plugins.custom_stt import STT

    return STT(
        api_url=context.place.http, api_key=context.api_key, http_session=context.http_session
    )


build.dialect = f"{__file__}:DIALECT"
''')

_TEST = Template('''\
"""The dialect $name: what it is made of, and whole sessions of it."""

from ${name}_dialect import DIALECT

from sttkit.dialects.checking import first_flaw
from sttkit.dialects.model import Opening, Refusal, Request, View
from sttkit.events import EndOfStream, Final


def test_no_part_of_it_is_missing_or_wrong():
    assert first_flaw(DIALECT) is None


def test_it_lets_in_who_has_a_key():
    path = DIALECT.example
    key = {DIALECT.key.lower(): "k"}
    assert isinstance(DIALECT.open(Request("GET", path, {}, key)), Opening)
    assert isinstance(DIALECT.open(Request("GET", path)), Refusal)


def test_it_knows_the_end_of_the_audio():
    session = View("session-0", {"type": "config"})
    assert DIALECT.read('{"type":"end_of_stream"}', session) == EndOfStream()


def test_what_it_says_is_understood():
    said = Final("hello there", 0.5, 1.1)
    (message,) = DIALECT.write(said, View("session-0", {}))
    assert DIALECT.explain(message) == said
''')


def scaffold(name: str) -> dict[str, str]:
    """The texts of the two files, by the names of the files."""
    said = {"name": name, "title": name.replace("_", " ").title()}
    return {
        f"{name}_dialect.py": _DIALECT.substitute(said),
        f"test_{name}_dialect.py": _TEST.substitute(said),
    }
