"""Mistakes with the audio, and with what is counted and timed by it."""

from __future__ import annotations

from .model import breaks
from .places import events, stream

_SENT = "            await connection.send_audio(chunk.data.tobytes())\n"

AUDIO = (
    breaks(
        "AUDIO-1",
        "none@idle",
        "drops every tenth chunk",
        stream(
            _SENT,
            "            self._sent_chunks = getattr(self, '_sent_chunks', 0) + 1\n"
            "            if self._sent_chunks % 10:\n    " + _SENT,
        ),
    ),
    breaks(
        "AUDIO-1:doubled",
        "none@idle",
        "sends every tenth chunk twice",
        stream(
            _SENT,
            "            self._sent_chunks = getattr(self, '_sent_chunks', 0) + 1\n"
            "            if self._sent_chunks % 10 == 0:\n    " + _SENT + _SENT,
        ),
    ),
    breaks(
        "AUDIO-2",
        "none@mid-utterance.2+flush",
        "sends chunks of 0.37 s, and keeps the rest to itself at a flush and at the end",
        stream("CHUNK = 0.05", "CHUNK = 0.37"),
        stream("                await self._send(connection, self._chunks.flush())\n", ""),
    ),
    breaks(
        "AUDIO-7",
        "none@mid-utterance.2+flush",
        "says that it can be flushed, and does not tell the server",
        stream("                    await connection.send_flush()\n", ""),
    ),
    breaks(
        "AUDIO-3",
        "close=1011@mid-utterance.2",
        "drops what it takes in the first second of a new session",
        stream(
            _SENT,
            "            now = asyncio.get_running_loop().time()\n"
            "            if getattr(self, '_of', connection) is not connection:\n"
            "                if now < connection.heard_at + 1.0:\n"
            "                    continue\n"
            "            else:\n"
            "                self._of = connection\n" + _SENT,
        ),
    ),
    breaks(
        "AUDIO-5",
        "none@idle+stereo",
        "leaves stereo to the base class, whose resampler takes it for mono of double the length",
        stream("super().push_frame(_mono(frame))", "super().push_frame(frame)"),
    ),
    breaks(
        "USAGE-1",
        "none@idle",
        "counts its audio twice",
        stream("self._unreported += duration", "self._unreported += 2 * duration"),
    ),
    breaks(
        "USAGE-2",
        "none@idle",
        "reports the metrics that the base class makes of its usage once more",
        stream(
            "            usage = stt.RecognitionUsage(audio_duration=self._unreported)\n",
            "            usage = stt.RecognitionUsage(audio_duration=self._unreported)\n"
            "            from livekit.agents.metrics import STTMetrics\n"
            "            self._stt.emit('metrics_collected', STTMetrics(\n"
            "                label=self._stt.label, request_id='', timestamp=0.0, duration=0.0,\n"
            "                audio_duration=self._unreported, streamed=True,\n"
            "            ))\n",
        ),
    ),
    breaks(
        "TIME-1",
        "close=1011@after-final",
        "passes on the times of each session as they are, from 0 again",
        stream("language=connection.config.language, offset=offset", "language='en', offset=0.0"),
    ),
    breaks(
        "TIME-1:twice",
        "close=1011@after-final",
        "moves times on by twice what the stream was old when the session began",
        stream(
            "language=connection.config.language, offset=offset", "language='en', offset=2 * offset"
        ),
    ),
    breaks(
        "TIME-1:words",
        "close=1011@after-final",
        "moves on the times of transcripts, and not those of their words",
        events("word.start + self._offset, word.end + self._offset", "word.start, word.end"),
    ),
    breaks(
        "TIME-2",
        "none@idle",
        "is surer than sure",
        events("confidence=message.confidence or 0.0", "confidence=1.7"),
    ),
)
