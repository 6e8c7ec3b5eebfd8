"""PocketSphinx as a decoder: US English, the models that come in its wheel.

https://pocketsphinx.readthedocs.io/ (5.x). Between sessions everything that a decoder has learnt
is forgotten, so equal audio gives equal words.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from sttkit.engine.hearing import RATE, Heard, Hearing
from sttkit.engine.resampling import resampler
from sttkit.errors import UsageError
from sttkit.events import Word

if TYPE_CHECKING:
    import pocketsphinx  # pyright: ignore[reportMissingImports]

LANGUAGE = "en"
_NEEDS = ("pocketsphinx", "soxr")
_DECODER_FRAME_S = 0.01


def require() -> None:
    """Make sure that all there is to recognise with is installed.

    Raises:
        UsageError: it is not.
    """
    missing = [name for name in _NEEDS if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the engine pocketsphinx needs the package {' and '.join(missing)}",
            hint="pip install 'sttkit[engine]'",
        )


class Sphinx:
    """The model, for one session at a time. Loading takes a third of a second of processor time."""

    def __init__(self) -> None:
        import pocketsphinx  # pyright: ignore[reportMissingImports]

        self._model = pocketsphinx.Decoder(samprate=RATE, loglevel="FATAL")
        self._utterances: _Utterances | None = None

    def open(self, sample_rate: int) -> Hearing:
        """Hear a new session, at a rate in Hz; the one before is over."""
        import pocketsphinx  # pyright: ignore[reportMissingImports]

        if self._utterances is not None:
            self._utterances.finish()  # the client left in the middle of one
        # What was learnt of the last speaker and line would change the words of the next one.
        self._model.reinit_feat()
        self._utterances = _Utterances(self._model)
        vad = pocketsphinx.Vad(pocketsphinx.Vad.MEDIUM_STRICT, RATE)
        return Hearing(self._utterances, vad.is_speech, resampler(sample_rate))


class _Utterances:
    """One session's use of the model."""

    def __init__(self, model: pocketsphinx.Decoder) -> None:
        self._model = model
        self._is_fed = False

    def begin(self) -> None:
        self._is_fed = False

    def feed(self, frame: bytes) -> None:
        if not self._is_fed:  # an utterance without audio cannot be ended
            self._model.start_utt()
            self._is_fed = True
        self._model.process_raw(frame)

    def guess(self) -> Heard:
        return Heard(tuple(word for word, _ in self._words()))

    def finish(self) -> Heard:
        if not self._is_fed:
            return Heard()
        self._is_fed = False
        self._model.end_utt()
        words = self._words()
        # A word's posterior probability is known only now: of the sentences that were considered.
        confidence = sum(prob for _, prob in words) / len(words) if words else 0.0
        return Heard(tuple(word for word, _ in words), round(min(max(confidence, 0.0), 1.0), 3))

    def _words(self) -> list[tuple[Word, float]]:
        # The segmentation is None where nothing was recognised at all.
        return [
            (
                Word(
                    segment.word.partition("(")[0],  # "the(2)" is said another way
                    segment.start_frame * _DECODER_FRAME_S,
                    (segment.end_frame + 1) * _DECODER_FRAME_S,
                ),
                segment.prob,
            )
            for segment in self._model.seg() or ()
            if not segment.word.startswith(("<", "[", "+"))  # silence and noise
        ]
