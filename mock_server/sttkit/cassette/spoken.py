"""What was said on a cassette: the speech that an application has to say to meet it again."""

from __future__ import annotations

from sttkit.audio.speech import Clip, Speech, Utterance
from sttkit.cassette.meter import Meter
from sttkit.cassette.model import Audio, Body, Cassette, Interaction, Message
from sttkit.cassette.raw import dialect_of
from sttkit.cassette.tape import dialect_request
from sttkit.dialects.model import Dialect
from sttkit.errors import UsageError
from sttkit.events import Audio as HeardAudio
from sttkit.events import Final, Flush, Word

MAX_SPEECH_S = 12 * 3600.0
"""More does not fit beside a cassette, and what was left out has to be made."""
_SHORT_S = 0.02


def speech_of(cassette: Cassette) -> Speech:
    """The audio of all interactions, one behind the other, and the words of their finals.

    Where the audio is not on the cassette, it is synthesised, as long and with the words where they
    were: the answers come from the cassette anyway.

    Raises:
        UsageError: it is longer than anybody's memory.
    """
    header = cassette.header
    dialect = dialect_of(header.dialect, header.sample_rate, where=f"{cassette.name}:1")
    utterances: list[Utterance] = []
    pcm = bytearray()
    rate = 0
    is_whole = True
    begins_us = 0
    for one in cassette.interactions():
        heard, heard_rate = _pcm_of(cassette, one, dialect)
        is_whole = is_whole and heard is not None and heard_rate in (rate or heard_rate, 0)
        rate = rate or heard_rate
        pcm += heard or b""
        for words in _finals_of(cassette, one, dialect):
            shifted = [
                Word(w.text, w.start + begins_us * 1e-6, w.end + begins_us * 1e-6) for w in words
            ]
            at = utterances[-1].end if utterances else 0.0
            if later := [word for word in shifted if word.start >= at - 1e-9]:
                utterances.append(Utterance(tuple(later)))
        begins_us += max(one.entries[-1].audio_us, len(heard or b"") * 500_000 // (heard_rate or 1))
    duration = max(begins_us * 1e-6, utterances[-1].end if utterances else 0.0)
    if duration > MAX_SPEECH_S:
        raise UsageError(
            f"{duration / 3600:,.0f} hours of audio",
            where=cassette.name,
            expected=f"at most {MAX_SPEECH_S / 3600:.0f}, to be played",
        )
    clip = Clip(bytes(pcm), rate) if is_whole and pcm else None
    return Speech(tuple(utterances), duration, core=len(utterances), recording=clip)


def _pcm_of(cassette: Cassette, one: Interaction, dialect: Dialect) -> tuple[bytes | None, int]:
    """The audio of an interaction (None: it was left out) and its rate, 0 if there is none."""
    meter = Meter(dialect)
    if one.request is not None:
        meter.knock(dialect_request(one.request))
    if not one.is_websocket:
        return _recording_of(cassette, one, dialect)
    pcm = bytearray()
    is_there = False
    for entry in one.entries:
        if isinstance(entry, Message) and entry.side == "client":
            data = cassette.data_of(entry)
            if data is not None:
                meter.hear(data.decode() if entry.opcode == "text" else data)
        elif isinstance(entry, Audio):
            payloads = cassette.audio_of(entry)
            if payloads is None:
                return None, meter.sample_rate
            is_there = True
            for payload in payloads:
                event = meter.hear(payload.decode() if entry.opcode == "text" else payload)
                if isinstance(event, HeardAudio):
                    pcm += event.pcm
    return bytes(pcm), meter.sample_rate if is_there else 0


def _recording_of(
    cassette: Cassette, one: Interaction, dialect: Dialect
) -> tuple[bytes | None, int]:
    """The recording that was to be recognised as a whole."""
    pieces = [
        cassette.data_of(entry)
        for entry in one.entries
        if isinstance(entry, Body) and entry.side == "client"
    ]
    if one.request is None or dialect.batch is None or not all(pieces):
        return None, 0
    read = dialect.batch.read(
        dialect_request(one.request, b"".join(piece for piece in pieces if piece))
    )
    return read if isinstance(read, tuple) else (None, 0)


def _finals_of(cassette: Cassette, one: Interaction, dialect: Dialect) -> list[list[Word]]:
    """The words of each final, with times; without any, they are spread over its stretch."""
    found: list[list[Word]] = []
    said_us = 0
    for entry in one.entries:
        if not isinstance(entry, Message) or entry.side != "server":
            continue
        data = cassette.data_of(entry) or b""
        try:
            event = dialect.explain(data.decode() if entry.opcode == "text" else data)
        except UnicodeDecodeError:
            continue
        if isinstance(event, Final) and event.text:
            words = [word for word in event.words if word.end > word.start]
            if not words:
                start = max(event.start, said_us * 1e-6)
                end = event.end if event.end > start else entry.audio_us * 1e-6
                words = _spread(event.text.split(), start, max(end, start + _SHORT_S))
            starts = [word.start for word in words]
            if starts == sorted(starts):
                found.append(words)
            said_us = entry.audio_us
    return found


def _spread(texts: list[str], start: float, end: float) -> list[Word]:
    step = (end - start) / len(texts)
    return [
        Word(text, round(start + step * at, 3), round(start + step * (at + 0.8), 3))
        for at, text in enumerate(texts)
    ]


def flushes_of(cassette: Cassette) -> list[float]:
    """Where in the audio of all interactions the client asked for pending finals, seconds.

    Not at its end, where LiveKit's streams flush by themselves.
    """
    header = cassette.header
    dialect = dialect_of(header.dialect, header.sample_rate, where=f"{cassette.name}:1")
    found: list[float] = []
    begins_us = 0
    for one in cassette.interactions():
        meter = Meter(dialect)
        if one.request is not None:
            meter.knock(dialect_request(one.request))
        for entry in one.entries:
            if isinstance(entry, Message) and entry.side == "client" and entry.opcode == "text":
                event = meter.hear((cassette.data_of(entry) or b"").decode())
                if isinstance(event, Flush) and entry.audio_us < one.entries[-1].audio_us:
                    found.append((begins_us + entry.audio_us) * 1e-6)
        begins_us += one.entries[-1].audio_us
    return found
