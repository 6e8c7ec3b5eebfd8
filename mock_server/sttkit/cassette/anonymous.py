"""Other words and other sounds in place of what a person said, of the same shape and timing."""

from __future__ import annotations

import base64
import re
from itertools import count

from sttkit.dialects.model import Message

TRANSCRIPT_NAMES = frozenset(
    {
        "alternative",
        "caption",
        "content",
        "delta",
        "display_text",
        "itn",
        "lexical",
        "masked_itn",
        "partial",
        "punctuated_word",
        "sentence",
        "text",
        "transcript",
        "transcription",
        "translation",
        "utterance",
        "value",
        "word",
        "words",
    }
)
"""Names of JSON fields whose texts are what was said, with all providers known here."""

_WORD = re.compile(r"[^\W\d_]+|\d+")
_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"
_FRAME_S = 0.02


class Pseudonyms:
    """Other words: as many, as long, the same for the same; capitals and punctuation stay.

    They are given out in the order in which words come up, so nothing in them says what a word was.
    """

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._numbers: dict[tuple[int, bool], count[int]] = {}

    def text(self, text: str) -> str:
        """``text`` in other words."""
        return _WORD.sub(lambda found: self._like(found.group()), text)

    def value(self, value: object, name: str = "") -> object:
        """A JSON value with other words where it says what was said."""
        if isinstance(value, dict):
            return {key: self.value(inner, str(key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner, name) for inner in value]
        if isinstance(value, str) and name.lower() in TRANSCRIPT_NAMES:
            return self.text(value)
        return value

    def _like(self, word: str) -> str:
        known = self._given.get(word.lower())
        if known is None:
            numbers = self._numbers.setdefault((len(word), word.isdigit()), count())
            known = self._given[word.lower()] = _coined(next(numbers), len(word), word.isdigit())
        if word.isupper() and len(word) > 1:
            return known.upper()
        return known.capitalize() if word[:1].isupper() else known


def _coined(number: int, length: int, digits: bool) -> str:
    if digits:
        return str(number % 10**length).zfill(length)
    letters = []
    for place in range(length):
        alphabet = _VOWELS if place % 2 else _CONSONANTS
        letters.append(alphabet[number % len(alphabet)])
        number //= len(alphabet)
    return "".join(letters)


def noise_like(pcm: bytes, sample_rate: int, seed: int) -> bytes:
    """Speech-shaped noise as long and as loud as ``pcm`` (s16le mono), frame by frame.

    Nothing of the sound is in it but its loudness over 20 ms.
    """
    import numpy as np

    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2").astype(np.float64)
    if not len(samples):
        return pcm
    rng = np.random.Generator(np.random.PCG64([seed, len(samples)]))
    # A moving sum over a few samples keeps the energy below about 4 kHz, like speech.
    width = max(2, sample_rate // 6000)
    noise = np.convolve(rng.standard_normal(len(samples) + width - 1), np.ones(width), "valid")
    noise /= width**0.5
    size = max(1, round(_FRAME_S * sample_rate))
    for start in range(0, len(samples), size):
        loudness = np.sqrt(np.mean(samples[start : start + size] ** 2))
        noise[start : start + size] *= loudness
    made: bytes = np.clip(np.rint(noise), -32768, 32767).astype("<i2").tobytes()
    return made + pcm[len(made) :]


def with_audio(message: Message, pcm: bytes, other: bytes) -> Message | None:
    """``message`` with other audio of the same length: bare, behind a header, or as base64.

    None if the audio is in it in another form.
    """
    if isinstance(message, bytes):
        return message.replace(pcm, other, 1) if pcm in message else None
    spelled = base64.b64encode(pcm).decode()
    if spelled not in message:
        return None
    return message.replace(spelled, base64.b64encode(other).decode(), 1)
