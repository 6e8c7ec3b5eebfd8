"""Make the speech library anew: `make speech` (needs espeak-ng and the extra ``engine``).

Each entry of `LIBRARY` becomes a WAV file and a script of the same name in ``cassettes/speech/``.
The script says which words stand where, as the synthesiser itself reports; so the truth does not
depend on any recogniser. Equal versions of espeak-ng give equal bytes: git shows what differs.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FOLDER = Path("cassettes/speech")
LEAD_IN_S, TAIL_S = 0.6, 0.9
Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Voice:
    """A voice of espeak-ng: its name, words per minute, and pitch from 0 to 99."""

    name: str
    speed: int = 160
    pitch: int = 50


@dataclass(frozen=True)
class Entry:
    """A recording to make.

    Attributes:
        name: of the files.
        what: what it is for.
        said: each utterance and who says it.
        rate: samples per second.
        pause: seconds between utterances.
        noise_db: noise below the speech, decibels; None for a quiet line.
        seconds: at least so long.
    """

    name: str
    what: str
    said: tuple[tuple[Voice, str], ...] = ()
    rate: int = 16_000
    pause: float = 1.0
    noise_db: float | None = None
    seconds: float = 0.0


# Of sixty voices and speeds that were tried, PocketSphinx's own model understands these best.
ANN = Voice("en-us+klatt6")
BEN = Voice("en-us+klatt")
CAL = Voice("en-us+klatt2")
DAN = Voice("en-us+adam")
EVE = Voice("en-us+klatt", pitch=70)

LIBRARY = (
    Entry("plain", "one utterance on a quiet line",
          ((ANN, "the weather is going to be nice tomorrow"),)),
    Entry("another-voice", "another voice on a quiet line",
          ((DAN, "he said that he would come back later"),)),
    Entry("two-utterances", "two utterances of two speakers with a pause between them",
          ((CAL, "we are going to the beach this summer"),
           (BEN, "the doctor will see you in a few minutes"))),
    Entry("noise", "an utterance in steady noise",
          ((BEN, "she has lived in this city for ten years"),), noise_db=20.0),
    Entry("silence", "a line on which nobody speaks", seconds=4.0),
    Entry("flush", "an utterance to be flushed in the middle of a word",
          ((EVE, "she has lived in this city for ten years"),)),
    Entry("wideband", "48 kHz, as a microphone gives it",
          ((ANN, "i do not know what you are talking about"),), rate=48_000),
    Entry("misheard", "words that the recogniser gets wrong, as real ones do",
          ((BEN, "the meeting has been moved to thursday afternoon"),)),
)  # fmt: skip


class Spoken(NamedTuple):
    """An utterance as it was synthesised: samples, and where each word begins and ends, seconds."""

    samples: Samples
    words: list[tuple[str, float, float]]


# --- espeak-ng ----------------------------------------------------------------------------------
# https://github.com/espeak-ng/espeak-ng/blob/master/src/include/espeak-ng/speak_lib.h

_SYNCHRONOUS, _UTF8, _BY_CHARACTER = 2, 1, 1
_RATE_PARAMETER, _PITCH_PARAMETER = 1, 3
_LIST_END, _WORD_EVENT = 0, 1


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Espeak:
    """libespeak-ng, which tells where the words are; the command does not."""

    def __init__(self) -> None:
        path = ctypes.util.find_library("espeak-ng")
        if path is None:
            sys.exit("make_speech: error: espeak-ng is not installed; apt-get install espeak-ng")
        self._library = ctypes.CDLL(path)
        self.rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, 0)

    def say(self, voice: Voice, text: str) -> Spoken:
        """Synthesise ``text``."""
        pieces: list[bytes] = []
        marks: list[tuple[int, float]] = []

        def take(samples: object, count: int, events: object) -> int:
            if samples:
                pieces.append(ctypes.string_at(samples, 2 * count))  # type: ignore[arg-type]
            marks.extend(_words_in(events))
            return 0

        library, callback, spelled = self._library, _Callback(take), text.encode()
        library.espeak_SetSynthCallback(callback)
        if library.espeak_SetVoiceByName(voice.name.encode()):
            sys.exit(f"make_speech: error: espeak-ng has no voice {voice.name!r}")
        library.espeak_SetParameter(_RATE_PARAMETER, voice.speed, 0)
        library.espeak_SetParameter(_PITCH_PARAMETER, voice.pitch, 0)
        library.espeak_Synth(spelled, len(spelled) + 1, 0, _BY_CHARACTER, 0, _UTF8, None, None)
        library.espeak_Synchronize()
        samples = np.frombuffer(b"".join(pieces), dtype="<i2").astype(np.float64)
        loud = np.flatnonzero(np.abs(samples) > 200)
        end = (int(loud[-1]) + 1) / self.rate if len(loud) else 0.0
        return Spoken(samples, list(_placed(text, dict(marks), end)))


def _words_in(events: object) -> Iterator[tuple[int, float]]:
    """(position in the text from 0, seconds) of each word that begins."""
    index = 0
    while (event := events[index]).type != _LIST_END:  # type: ignore[index]
        if event.type == _WORD_EVENT:
            yield event.text_position - 1, event.audio_position / 1000
        index += 1


def _placed(text: str, marks: dict[int, float], end: float) -> Iterator[tuple[str, float, float]]:
    """Words and their times; those that espeak-ng says in one go share the time by length."""
    starts: list[int] = []
    for word in text.split():
        starts.append(text.index(word, starts[-1] + 1 if starts else 0))
    groups: list[list[int]] = []
    for start in starts:
        if start in marks or not groups:
            groups.append([])
        groups[-1].append(start)
    for number, group in enumerate(groups):
        at = marks.get(group[0], 0.0)
        until = marks[groups[number + 1][0]] if number + 1 < len(groups) else end
        words = [text[start:].split()[0] for start in group]
        per_letter = (until - at) / sum(map(len, words))
        for word in words:
            yield word, at, at + per_letter * len(word)
            at += per_letter * len(word)


# --- recordings ---------------------------------------------------------------------------------


def record(espeak: Espeak, entry: Entry) -> Spoken:
    """The recording of an entry."""
    import soxr  # pyright: ignore[reportMissingImports]

    parts = [np.zeros(round(LEAD_IN_S * entry.rate))]
    words: list[tuple[str, float, float]] = []
    for number, (voice, text) in enumerate(entry.said):
        if number:
            parts.append(np.zeros(round(entry.pause * entry.rate)))
        at = sum(map(len, parts)) / entry.rate
        spoken = espeak.say(voice, text)
        words.extend((word, at + start, at + end) for word, start, end in spoken.words)
        length = round(spoken.words[-1][2] * espeak.rate)
        parts.append(soxr.resample(spoken.samples[:length], espeak.rate, entry.rate))
    parts.append(np.zeros(round(TAIL_S * entry.rate)))
    samples = np.concatenate(parts)
    missing = round(entry.seconds * entry.rate) - len(samples)
    samples = np.concatenate([samples, np.zeros(max(0, missing))])
    return Spoken(samples + _noise(entry, samples), words)


def _noise(entry: Entry, speech: Samples) -> Samples:
    rng = np.random.Generator(np.random.PCG64(list(entry.name.encode())))
    level = 2.0  # of a quiet line
    if entry.noise_db is not None:
        loud = speech[np.abs(speech) > 200]
        level = float(np.sqrt(np.mean(loud**2))) * 10 ** (-entry.noise_db / 20)
    return level * rng.standard_normal(len(speech))


def write(entry: Entry, spoken: Spoken) -> int:
    """Write the WAV file and its script; returns the bytes written."""
    pcm = np.clip(np.rint(spoken.samples), -32768, 32767).astype("<i2").tobytes()
    path = FOLDER / f"{entry.name}.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(entry.rate)
        file.writeframes(pcm)
    who = ", ".join(dict.fromkeys(voice.name for voice, _ in entry.said)) or "nobody"
    lines = [
        f"# Made by tools/make_speech.py: {entry.what} (espeak-ng: {who}).",
        "sttkit: 1",
        "speech:",
        f"- wav: {entry.name}.wav",
        "  words:" if spoken.words else "  words: []",
    ]
    lines += [
        f"  - {{text: {word}, start: {start:.3f}, end: {end:.3f}}}"
        for word, start, end in spoken.words
    ]
    text = "\n".join(lines) + "\n"
    (FOLDER / f"{entry.name}.yaml").write_text(text, encoding="utf-8", newline="\n")
    return path.stat().st_size


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    espeak = Espeak()
    total = sum(write(entry, record(espeak, entry)) for entry in LIBRARY)
    print(f"{len(LIBRARY)} recordings in {FOLDER}, {total / 1e6:.2f} MB of audio")
    return 0


if __name__ == "__main__":
    sys.exit(main())
