"""Plugins whose events come in the wrong order, number or form."""

from __future__ import annotations

import json

from livekit.agents import stt
from livekit.agents.types import TimedString

from sttkit.controls.probe_stream import language_code

from .base import STT, Stream, breaks

Kind = stt.SpeechEventType


@breaks("ORDER-1", "none@idle")
class Stammering(Stream):
    """Starts the speech again with each interim."""

    def _interim(self, data):
        self._emit(Kind.START_OF_SPEECH)
        super()._interim(data)


@breaks("ORDER-2", "none@idle")
class Premature(Stream):
    """Ends the speech before the final that belongs to it."""

    def _final(self, data):
        self._end_speech()
        self._emit(Kind.FINAL_TRANSCRIPT, data)


@breaks("ORDER-3", "none@idle")
class Echo(Stream):
    """Says each final twice."""

    def _final(self, data):
        super()._final(data)
        self._emit(Kind.FINAL_TRANSCRIPT, data)


@breaks("ORDER-3:invented", "none@idle")
class Dreamer(Stream):
    """Hears words in the silence."""

    def _start_speech(self, *, implied):
        fresh = not self._speaking
        super()._start_speech(implied=implied)
        if fresh:
            data = stt.SpeechData(language=language_code("en"), text="thanks for watching")
            self._emit(Kind.FINAL_TRANSCRIPT, data)


@breaks("ORDER-4", "none@idle")
class Wavering(Stream):
    """Says an interim again after its final."""

    def _final(self, data):
        super()._final(data)
        self._emit(Kind.INTERIM_TRANSCRIPT, data)


@breaks("ORDER-5", "reset@mid-utterance.2")
class Unfinished(Stream):
    """Leaves an utterance open when the line breaks in it, and starts the next."""

    def _broken(self, error):
        self._speaking = False
        super()._broken(error)


@breaks("ORDER-6", "empty-transcript@after-final")
class Breathing(Stream):
    """Passes on finals without text."""

    def _take(self, message):
        if message["type"] == "final" and message.get("text") == "":
            self._final(self._data(message, ""))
        else:
            super()._take(message)


@breaks("ORDER-7", "none@idle")
class Hollow(Stream):
    """Sends interims without an alternative in them."""

    def _interim(self, data):
        super()._interim(data)
        self._emit(Kind.INTERIM_TRANSCRIPT)


@breaks("ORDER-7:language", "none@idle")
class Tongueless(Stream):
    """Does not say in which language."""

    def _data(self, message, text):
        data = super()._data(message, text)
        return stt.SpeechData(language=language_code(""), text=text, start_time=data.start_time)


@breaks("ORDER-7:words", "close=1011@after-final")
class Laconic(Stream):
    """Asks for single words when it first connects only."""

    broke = False

    def _broken(self, error):
        self.broke = True
        super()._broken(error)

    def _data(self, message, text):
        data = super()._data(message, text)
        if not self.broke:
            data.words = [TimedString(word) for word in text.split()]
        return data


@breaks("ORDER-8", "reset@mid-utterance.2")
class RunOn(Stream):
    """Takes all that is said after a break for the rest of the utterance that was cut."""

    cut = False

    def _broken(self, error):
        self.cut = self._speaking
        super()._broken(error)

    def _end_speech(self):
        if not self.cut:
            super()._end_speech()


@breaks("ORDER-1:retracted", "retract@mid-utterance.3")
class Expectant(Stream):
    """Ends no speech before it has heard a final, which may never come."""

    heard_final = False

    def _final(self, data):
        self.heard_final = True
        super()._final(data)

    def _end_speech(self):
        if self.heard_final:
            self.heard_final = False
            super()._end_speech()


@breaks("ORDER-9", "none@idle")
class Unmarked(Stream):
    """Says what was said, but not when speech begins and ends."""

    def _start_speech(self, *, implied):
        pass


@breaks("ORDER-10", "none@idle")
class Piling(Stream):
    """Takes each interim for what is new, and adds it to those before."""

    _pile = ""

    def _interim(self, data):
        self._pile = data.text = f"{self._pile} {data.text}".strip()
        super()._interim(data)

    def _final(self, data):
        self._pile = ""
        super()._final(data)


@breaks("ORDER-3:batch", "none@batch")
class Hasty(STT):
    """Takes the first segment of a recording for all of it."""

    def _batch_event(self, status, body, language):
        event = super()._batch_event(status, body, language)
        event.alternatives[0].text = json.loads(body)["segments"][0]["text"]
        return event


@breaks("ORDER-3:mute", "none@batch")
class Mumbling(STT):
    """Returns an empty transcript, whatever the recording says."""

    def _batch_event(self, status, body, language):
        event = super()._batch_event(status, body, language)
        event.alternatives[0].text = ""
        return event
