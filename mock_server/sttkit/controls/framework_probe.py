"""A sound ``_run`` over LiveKit's base class, with as little around it as will hold the contract.

The base class owns the queues, the task, the retries and the metrics. ``Stream._run`` is one
attempt: it returns where the stream is over and raises an `APIError` where the line broke. So
whatever this plugin does wrong in a case is the framework's doing, and the same failure of another
plugin is not that plugin's fault.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

import aiohttp
from livekit import rtc
from livekit.agents import (
    DEFAULT_API_CONNECT_OPTIONS,
    NOT_GIVEN,
    APIConnectionError,
    APIConnectOptions,
    APIError,
    APITimeoutError,
    NotGivenOr,
    stt,
)
from livekit.agents.utils import AudioBuffer, is_given

from sttkit.controls import wire
from sttkit.controls.probe_stream import Stream, headers_of, language_code, status_error
from sttkit.targets.model import Context

__all__ = ["STT", "Stream"]


def _capabilities() -> stt.STTCapabilities:
    said = stt.STTCapabilities(streaming=True, interim_results=True)
    said.manual_flush = True  # older releases take no such argument, and mind no attribute
    return said


class STT(stt.STT[Any]):
    """Built from a target's context; ``stream_class`` lets a broken variant put in its own."""

    stream_class: type[Stream] = Stream

    def __init__(self, context: Context) -> None:
        super().__init__(capabilities=_capabilities())
        self.setting = context
        self.options: dict[str, object] = {"language": "en"}
        self.streams = weakref.WeakSet[Stream]()

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> Stream:
        stream = self.stream_class(self, self.setting, self._options_for(language), conn_options)
        self.streams.add(stream)
        return stream

    def update_options(self, *, language: str) -> None:
        """For new streams, and for the audio that is pushed from here on to those that are open."""
        self.options["language"] = language
        for stream in self.streams:
            stream.options["language"] = language

    async def aclose(self) -> None:
        await asyncio.gather(*(stream.aclose() for stream in list(self.streams)))

    def _options_for(self, language: NotGivenOr[str]) -> dict[str, object]:
        return {**self.options, "language": language} if is_given(language) else dict(self.options)

    async def _recognize_impl(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> stt.SpeechEvent:
        wanted = str(self._options_for(language)["language"])
        form = aiohttp.FormData()
        wav = rtc.combine_audio_frames(buffer).to_wav_bytes()
        form.add_field("file", wav, filename="audio.wav", content_type="audio/wav")
        failure: APIError
        try:
            async with self.setting.http_session.post(
                f"{self.setting.place.http}/transcribe",
                params={"language": wanted},
                data=form,
                headers=headers_of(self.setting),
                timeout=aiohttp.ClientTimeout(total=30.0, sock_connect=conn_options.timeout),
            ) as answer:
                return self._batch_event(answer.status, await answer.text(), wanted)
        except APIError as error:
            failure = error
        except asyncio.TimeoutError:
            failure = APITimeoutError("no answer to the recording in time")
        except Exception as error:
            # Only its name: what aiohttp raises can hold the request's headers, and so the key.
            failure = APIConnectionError(
                f"the request failed: {type(error).__name__}",
                retryable=not self.setting.http_session.closed,
            )
        # Raised out here, where no handled exception becomes its __context__.
        raise failure

    def _batch_event(self, status: int, body: str, language: str) -> stt.SpeechEvent:
        if status != 200:
            raise status_error(status)
        answer = wire.object_in(body)
        if answer is None or not isinstance(answer.get("text"), str):
            raise APIConnectionError("the answer to the recording makes no sense")
        segments = [s for s in answer.get("segments") or [{}] if isinstance(s, dict)] or [{}]
        named = answer.get("language")
        data = stt.SpeechData(
            language=language_code(named if isinstance(named, str) and named else language),
            text=answer["text"],
            start_time=wire.number(segments[0].get("start")),
            end_time=wire.number(segments[-1].get("end")),
            confidence=wire.probability(segments[0].get("confidence")),
        )
        return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[data])
