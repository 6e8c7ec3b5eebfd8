"""Server messages turned into LiveKit speech events, in an order an application can rely on."""

from __future__ import annotations

from livekit.agents import stt
from livekit.agents.voice.io import TimedString

from . import protocol
from ._compat import make


class Utterances:
    """Keeps START_OF_SPEECH and END_OF_SPEECH in step: whatever the server says, across sessions.

    * Every transcript lies between a START and its END. A server that sends no ``speech_started``
      gets a START before the first transcript and an END after the final.
    * An utterance whose session is cut gets its END at once, since nobody is left to send it. Its
      last interim is not made a final: the caller may well have gone on speaking.
    * A final without text is dropped, and so is an interim that comes after its final.
    """

    def __init__(self) -> None:
        self._speaking = False
        self._start_implied = False
        self.begin_session(session_id="", language="", offset=0.0)

    def begin_session(self, *, session_id: str, language: str, offset: float) -> None:
        """A new connection: its times start over, ``offset`` seconds into the stream."""
        self._session_id = session_id
        self._language = language
        self._offset = offset
        self._last_final: protocol.Final | None = None

    def end_session(self) -> list[stt.SpeechEvent]:
        """The connection is gone, and with it the end of an utterance that is under way."""
        return self._end()

    def translate(self, message: protocol.ServerMessage) -> list[stt.SpeechEvent]:
        match message:
            case protocol.SpeechStarted():
                return self._start(implied=False)
            case protocol.SpeechEnded():
                return self._end()
            case protocol.Interim() if message.text.strip() and not self._outdated(message):
                return [
                    *self._start(implied=True),
                    self._transcript(stt.SpeechEventType.INTERIM_TRANSCRIPT, message),
                ]
            case protocol.Final() if not self._repeated(message):
                return self._final(message)
        return []

    def _final(self, message: protocol.Final) -> list[stt.SpeechEvent]:
        self._last_final = message
        events = []
        if message.text.strip():
            events += self._start(implied=True)
            events.append(self._transcript(stt.SpeechEventType.FINAL_TRANSCRIPT, message))
        if self._start_implied:
            events += self._end()
        return events

    def _start(self, *, implied: bool) -> list[stt.SpeechEvent]:
        if self._speaking:
            # The server has caught up with a START made for it, so its END will come too.
            self._start_implied = self._start_implied and implied
            return []
        self._speaking = True
        self._start_implied = implied
        return [self._event(stt.SpeechEventType.START_OF_SPEECH)]

    def _end(self) -> list[stt.SpeechEvent]:
        if not self._speaking:
            return []
        self._speaking = self._start_implied = False
        return [self._event(stt.SpeechEventType.END_OF_SPEECH)]

    def _outdated(self, interim: protocol.Interim) -> bool:
        last = self._last_final.seq if self._last_final else None
        return interim.seq is not None and last is not None and interim.seq <= last

    def _repeated(self, final: protocol.Final) -> bool:
        # All of it is compared, not the number alone: a server that never counts up is heard too.
        return final.seq is not None and final == self._last_final

    def _transcript(
        self, kind: stt.SpeechEventType, message: protocol.Transcript
    ) -> stt.SpeechEvent:
        words = [
            TimedString(word.text, word.start + self._offset, word.end + self._offset)
            for word in message.words
        ]
        data = make(
            stt.SpeechData,
            language=message.language or self._language,
            text=message.text,
            start_time=message.start + self._offset,
            end_time=message.end + self._offset,
            confidence=message.confidence or 0.0,
            words=words or None,
        )
        return self._event(kind, data)

    def _event(self, kind: stt.SpeechEventType, *data: stt.SpeechData) -> stt.SpeechEvent:
        return stt.SpeechEvent(type=kind, request_id=self._session_id, alternatives=list(data))
