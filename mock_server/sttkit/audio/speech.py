"""Speech with known words: what the application says, and so what a healthy recogniser hears.

The unit of everything is the *pushed timeline*: seconds of audio since the stream began, no matter
how fast or in which chunks they were pushed. Words are unique within a run unless the caller
repeats them, so a transcript can be traced back to the audio it came from.
"""

from __future__ import annotations

import wave
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sttkit.errors import ScriptError
from sttkit.events import Word

LEAD_IN_S = 0.4
"""Pause before the first utterance, so that a session can be up before speech starts."""
PAUSE_S = 0.8
"""Pause between utterances: longer than any endpointing delay used by the recogniser."""
TAIL_S = 0.6
"""Pause after the last utterance: long enough for its endpoint to be heard."""
WORD_GAP_S = 0.04
MAX_SPEECH_S = 7200.0


@dataclass(frozen=True)
class Clip:
    """A recording in memory: samples (s16le mono) and their rate, Hz."""

    pcm: bytes
    rate: int


@dataclass(frozen=True)
class Utterance:
    """Words said without an endpoint between them."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def start(self) -> float:
        return self.words[0].start

    @property
    def end(self) -> float:
        return self.words[-1].end


@dataclass(frozen=True)
class Speech:
    """Utterances on the pushed timeline.

    Attributes:
        utterances: in order, not overlapping.
        duration: seconds of audio, pauses included.
        core: how many of the utterances the script asked for; the rest is an *encore*, said only
            as long as something is still to be observed (does the stream recover?).
        recording: a WAV file, or samples, to play instead of synthesised audio.
        seed: seed of the synthesised audio.
    """

    utterances: tuple[Utterance, ...]
    duration: float
    core: int
    recording: Path | Clip | None = None
    seed: int = 0

    @property
    def core_end(self) -> float:
        """Where the scripted part ends: the last core utterance and the pause behind it.

        A recording is played to its end, whether or not anything is said in it.
        """
        if self.recording is not None:
            encore = self.utterances[self.core :]
            return encore[0].start if encore else self.duration
        if not self.core:
            return min(self.duration, LEAD_IN_S + TAIL_S)
        if self.core < len(self.utterances):
            return min(
                self.utterances[self.core - 1].end + TAIL_S, self.utterances[self.core].start
            )
        return self.duration

    def words(self) -> Iterator[Word]:
        for utterance in self.utterances:
            yield from utterance.words

    def with_encore(self, seconds: float) -> Speech:
        """The same speech, followed by ``seconds`` of further two-word utterances."""
        used = {word.text for word in self.words()}
        fresh = (text for text in _coined_words() if text not in used)
        utterances = list(self.utterances)
        at = self.duration if self.utterances or self.recording is not None else LEAD_IN_S
        until = self.duration + seconds
        while at < until:
            words = _lay_out([next(fresh), next(fresh)], at)
            utterances.append(Utterance(words))
            at = words[-1].end + PAUSE_S
        return replace(self, utterances=tuple(utterances), duration=max(at, self.duration))


def speech(*said: str, pause: float = PAUSE_S, seed: int = 0) -> Speech:
    """Speech of one utterance per argument, ``pause`` seconds apart.

    >>> speech("hello there", "how are you").utterances[1].text
    'how are you'

    Args:
        said: the texts.
        pause: between two of them, seconds.
        seed: of the voice.

    Raises:
        ScriptError: a text without words, or a pause that is none.
    """
    items: list[Mapping[str, object]] = []
    for number, text in enumerate(said):
        if number:
            items.append({"pause": pause})
        items.append({"say": text})
    return from_items(items, seed=seed)


def from_items(
    items: Sequence[Mapping[str, object]], *, seed: int = 0, base: Path | None = None
) -> Speech:
    """Speech from the entries of a script: ``{say: …}``, ``{pause: s}`` or ``{wav: …, words: …}``.

    A WAV entry must be alone: its words carry the times (``{text, start, end}``), its samples the
    audio. ``base`` is the folder that relative paths start from.

    Raises:
        ScriptError: an entry is of none of these forms.
    """
    if any("wav" in item for item in items):
        if len(items) != 1:
            raise ScriptError("a wav entry must be the only entry of speech", where="speech")
        return _from_recording(items[0], seed=seed, base=base)
    utterances: list[Utterance] = []
    at = 0.0
    gap: float | None = None  # pause since the last utterance, if one was asked for
    for index, item in enumerate(items):
        where = f"speech[{index}]"
        if set(item) == {"say"}:
            texts = _said(item["say"], where).split()
            if not texts:
                raise ScriptError("nothing is said", where=where, expected="words after say:")
            if not utterances:
                at += LEAD_IN_S
            else:
                at += PAUSE_S if gap is None else gap
            words = _lay_out(texts, at)
            utterances.append(Utterance(words))
            at, gap = words[-1].end, None
        elif set(item) == {"pause"}:
            pause = item["pause"]
            if (
                isinstance(pause, bool)
                or not isinstance(pause, (int, float))
                or not 0 <= pause <= MAX_SPEECH_S
            ):
                raise ScriptError(
                    f"a pause of {pause!r}", where=where, expected="seconds as a number, 0 or more"
                )
            if utterances:
                gap = (gap or 0.0) + pause
            else:
                at += pause
        else:
            raise ScriptError(
                f"an entry with the keys {sorted(map(str, item))}",
                where=where,
                expected="say, pause, or wav with words",
            )
    duration = round(at + (max(TAIL_S, gap or 0.0) if utterances else 0.0), 3)
    if duration > MAX_SPEECH_S:
        raise ScriptError(
            f"{duration:.0f} s of speech", where="speech", expected=f"at most {MAX_SPEECH_S:.0f} s"
        )
    return Speech(tuple(utterances), duration, core=len(utterances), seed=seed)


def to_items(speech: Speech) -> list[Mapping[str, object]]:
    """The entries of which `from_items` makes this speech again, its encore left out."""
    if isinstance(speech.recording, Path):
        words = [{"text": w.text, "start": w.start, "end": w.end} for w in speech.words()]
        return [{"wav": str(speech.recording), "words": words}]
    core = speech.utterances[: speech.core]
    if not core:
        return [{"pause": speech.duration}]
    items: list[Mapping[str, object]] = []
    ended = LEAD_IN_S
    for utterance in core:
        pause = round(utterance.start - ended, 3)
        if pause > 0 or utterance is not core[0]:
            items.append({"pause": pause})
        items.append({"say": utterance.text})
        ended = utterance.end
    encore = speech.utterances[speech.core :]
    rest = round((encore[0].start if encore else speech.duration) - ended, 3)
    if rest > TAIL_S:
        items.append({"pause": rest})
    return items


def silence(seconds: float, *, seed: int = 0) -> Speech:
    """A muted caller: so many seconds of line noise, and no words.

    Raises:
        ScriptError: less than nothing, or more than two hours.
    """
    if not 0 <= seconds <= MAX_SPEECH_S:
        raise ScriptError(f"{seconds!r} s of silence", expected=f"0 to {MAX_SPEECH_S:g}")
    return Speech((), seconds, core=0, seed=seed)


def read_wav(path: Path) -> tuple[bytes, int]:
    """Samples (s16le mono) and rate of a WAV file.

    Raises:
        ScriptError: the file is missing, not a WAV, or not 16-bit mono.
    """
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != 2 or file.getnchannels() != 1:
                raise ScriptError(
                    f"{8 * file.getsampwidth()}-bit audio with {file.getnchannels()} channel(s)",
                    where=str(path),
                    expected="16-bit mono",
                )
            return file.readframes(file.getnframes()), file.getframerate()
    except FileNotFoundError:
        raise ScriptError(
            "no such WAV file", where=str(path), hint="paths start from the script's folder"
        ) from None
    except (wave.Error, EOFError, OSError) as error:
        raise ScriptError(f"not a readable WAV file ({error})", where=str(path)) from None


def _said(value: object, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ScriptError(f"{value!r} is said", where=where, expected="text after say:")
    return str(value)


def _from_recording(item: Mapping[str, object], *, seed: int, base: Path | None) -> Speech:
    if set(item) != {"wav", "words"} or not isinstance(item["words"], list):
        raise ScriptError(
            f"a wav entry with the keys {sorted(map(str, item))}",
            where="speech[0]",
            expected="wav: path and words: a list of {text, start, end}",
        )
    path = (base or Path()) / str(item["wav"])
    pcm, rate = read_wav(path)
    words: list[Word] = []
    for index, entry in enumerate(item["words"]):
        where = f"speech[0].words[{index}]"
        if not isinstance(entry, Mapping) or set(entry) != {"text", "start", "end"}:
            raise ScriptError(f"{entry!r}", where=where, expected="{text, start, end}")
        try:
            word = Word(str(entry["text"]), float(entry["start"]), float(entry["end"]))
        except (TypeError, ValueError):
            raise ScriptError(f"{entry!r}", where=where, expected="times in seconds") from None
        if word.end <= word.start or (words and word.start < words[-1].start):
            raise ScriptError(f"{entry!r}", where=where, expected="times that move forward")
        words.append(word)
    utterances = tuple(Utterance(tuple(group)) for group in _split_at_pauses(words))
    duration = len(pcm) / 2 / rate
    return Speech(utterances, duration, core=len(utterances), recording=path, seed=seed)


def _split_at_pauses(words: Iterable[Word], pause: float = 0.35) -> Iterator[list[Word]]:
    group: list[Word] = []
    for word in words:
        if group and word.start - group[-1].end >= pause:
            yield group
            group = []
        group.append(word)
    if group:
        yield group


def _lay_out(texts: Sequence[str], at: float) -> tuple[Word, ...]:
    words = []
    for text in texts:
        end = round(at + 0.14 + 0.04 * min(len(text), 12), 3)
        words.append(Word(text, round(at, 3), end))
        at = end + WORD_GAP_S
    return tuple(words)


def _coined_words() -> Iterator[str]:
    """Pronounceable words, each once: bababa, babade, … (329 thousand of them)."""
    syllables = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
    count = len(syllables)
    for number in range(count**3):
        # A stride that shares no factor with the count walks all words without similar neighbours.
        mixed = number * 104_729 % count**3
        yield "".join(syllables[mixed // count**power % count] for power in range(3))
