"""Mistakes in the order of what the application is told."""

from __future__ import annotations

from .model import breaks
from .places import batch, events, stream

_FINAL = "events.append(self._transcript(stt.SpeechEventType.FINAL_TRANSCRIPT, message))"

ORDER = (
    breaks(
        "ORDER-1",
        "none@idle",
        "starts the speech again with each interim",
        events(
            "        if self._speaking:\n            # The server",
            "        if self._speaking and not implied:\n            # The server",
        ),
    ),
    breaks(
        "ORDER-2",
        "none@idle",
        "ends the speech before the final that belongs to it",
        events(
            _FINAL,
            "events += self._end()\n            " + _FINAL,
        ),
    ),
    breaks(
        "ORDER-3",
        "none@idle",
        "says each final twice",
        events(
            _FINAL,
            f"{_FINAL}\n            {_FINAL}",
        ),
    ),
    breaks(
        "ORDER-3:batch",
        "none@batch",
        "takes the first segment of a recording for all of it",
        batch("text=answer.text", "text=answer.segments[0].text"),
    ),
    breaks(
        "ORDER-4",
        "none@idle",
        "says an interim again after its final",
        events(
            _FINAL,
            f"{_FINAL}\n            {_FINAL.replace('FINAL_', 'INTERIM_')}",
        ),
    ),
    breaks(
        "ORDER-5",
        "reset@mid-utterance.2",
        "leaves an utterance open when the line breaks in it, and starts the next",
        stream(
            "            self._emit(self._utterances.end_session())\n            if self._http",
            "            self._utterances.end_session()\n            if self._http",
        ),
    ),
    breaks(
        "ORDER-7",
        "none@idle",
        "sends interims without an alternative in them",
        events(
            "self._transcript(stt.SpeechEventType.INTERIM_TRANSCRIPT, message),",
            "self._event(stt.SpeechEventType.INTERIM_TRANSCRIPT),",
        ),
    ),
    breaks(
        "ORDER-9",
        "none@idle",
        "does not say when speech begins",
        events(
            "        return [self._event(stt.SpeechEventType.START_OF_SPEECH)]",
            "        return []",
        ),
    ),
    breaks(
        "ORDER-10",
        "none@idle",
        "says the words of interims twice",
        events(
            "            text=message.text,\n",
            "            text=message.text\n"
            "            if kind == stt.SpeechEventType.FINAL_TRANSCRIPT\n"
            "            else f'{message.text} {message.text}',\n",
        ),
    ),
)
