"""How clients speak each dialect: what they send first, with audio, and at the end."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sttkit.dialects.model import Message


@dataclass(frozen=True)
class Tongue:
    """How a client speaks a dialect.

    ``wrap`` is how audio of ``rate`` Hz is sent, in chunks of at least and at most so many seconds.
    ``header`` is what goes before it, where the audio is a file.
    ``by_word`` says that a text is told word by word, and a final only that it is whole.
    """

    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    config: str | None = None
    header: bytes = b""
    flush: str = ""
    end: Message = ""
    keepalive: str = ""
    rate: int = 16000
    wrap: Callable[[bytes], Message] = lambda pcm: pcm
    chunk_s: tuple[float, float] = (0.001, 2.0)
    by_word: bool = False


TONGUES = {
    "custom_stt": Tongue(
        "/ws/transcribe",
        config=json.dumps({"type": "config", "sample_rate": 16000, "language": "en"}),
        flush='{"type":"flush"}',
        end='{"type":"end_of_stream"}',
        keepalive='{"type":"keepalive"}',
    ),
    "deepgram": Tongue(
        "/v1/listen?encoding=linear16&sample_rate=16000&channels=1&interim_results=true",
        {"Authorization": "Token secret"},
        flush='{"type":"Finalize"}',
        end='{"type":"CloseStream"}',
        keepalive='{"type":"KeepAlive"}',
    ),
}


def wav_header(rate: int) -> bytes:
    """The header of a WAV file, mono, of which nobody knows yet how long it will be."""
    endless = 0x7FFF_FFFF
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", endless, b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", endless),
    )


def _in_base64(form: str) -> Callable[[bytes], Message]:
    """Audio in the place of ``AUDIO`` in a JSON text."""
    return lambda pcm: form.replace("AUDIO", base64.b64encode(pcm).decode())


def _usp(pcm: bytes) -> Message:
    head = b"Path:audio\r\nX-RequestId:turn-1\r\nX-StreamId:1\r\n"
    return len(head).to_bytes(2, "big") + head + pcm


ALL_TONGUES = {
    **TONGUES,
    "inworld": Tongue(
        "/stt/v1/transcribe:streamBidirectional",
        {"Authorization": "Basic secret"},
        config='{"transcribeConfig":{"audioEncoding":"LINEAR16","sampleRateHertz":16000,'
        '"numberOfChannels":1}}',
        flush='{"endTurn":{}}',
        end='{"closeStream":{}}',
        wrap=_in_base64('{"audioChunk":{"content":"AUDIO"}}'),
    ),
    "smallestai": Tongue(
        "/waves/v1/stt/live?model=pulse&encoding=linear16&sample_rate=16000&vad_events=true",
        {"Authorization": "Bearer secret"},
        flush='{"type":"finalize"}',
        end='{"type":"close_stream"}',
        keepalive='{"type":"keepalive"}',
    ),
    "baseten": Tongue(
        "/environments/production/websocket",
        {"Authorization": "Api-Key secret"},
        config='{"streaming_params":{"encoding":"pcm_s16le","sample_rate":16000}}',
    ),
    "baseten_qwen3": Tongue(
        "/environments/production/websocket",
        {"Authorization": "Api-Key secret"},
        config='{"whisper_params":{"audio_language":"auto"}}',
        flush='{"type":"input_audio_buffer.commit"}',
        wrap=_in_base64('{"type":"input_audio_buffer.append","audio":"AUDIO"}'),
    ),
    "azure": Tongue(
        "/speech/recognition/conversation/cognitiveservices/v1?language=en-US",
        config='Path:speech.context\r\nX-RequestId:turn-1\r\n\r\n{"audio":{"streams":{"1":null}}}',
        end=_usp(b""),
        wrap=_usp,
    ),
    "meta": Tongue(
        "/v1/asr/realtime",
        config='{"mode":"ENDPOINTING","authorization":{"accessToken":"Bearer secret"},'
        '"audioEncoding":"PCM_24KHZ","partialMode":"CUMULATIVE"}',
        end='{"type":"endStream"}',
        rate=24000,
    ),
    "nabrah": Tongue(
        "/api/ext/stt/ws",
        config='{"api_key":"secret","recognition_model":"eot_nabrah"}',
        end='{"type":"eof"}',
    ),
    "palabra": Tongue("/asr/v1/speech-to-text/stream?token=secret&format=pcm_s16le"),
    "mistralai": Tongue(
        "/v1/audio/transcriptions/realtime?model=voxtral",
        {"Authorization": "Bearer secret"},
        flush='{"type":"input_audio.flush"}',
        end='{"type":"input_audio.end"}',
        wrap=_in_base64('{"type":"input_audio.append","audio":"AUDIO"}'),
    ),
    "microsoft_ai": Tongue(
        "/v1/realtime?intent=transcription",
        {"Authorization": "Bearer secret"},
        config='{"type":"session.update","session":{"audio":{"input":{"format":{"rate":16000},'
        '"transcription":{"model":"MAI-Transcribe-2"},"turn_detection":null}}}}',
        flush='{"type":"input_audio_buffer.commit"}',
        wrap=_in_base64('{"type":"input_audio_buffer.append","audio":"AUDIO"}'),
    ),
    "assemblyai": Tongue(
        "/v3/ws?sample_rate=16000&speech_model=universal-3-6-pro",
        {"Authorization": "secret"},
        flush='{"type":"ForceEndpoint"}',
        end='{"type":"Terminate"}',
        keepalive='{"type":"KeepAlive"}',
        chunk_s=(0.05, 1.0),
    ),
    "openai": Tongue(
        "/v1/realtime?intent=transcription",
        {"Authorization": "Bearer secret"},
        config='{"type":"session.update","session":{"audio":{"input":{"format":{"rate":24000}}}}}',
        flush='{"type":"input_audio_buffer.commit"}',
        rate=24000,
        wrap=_in_base64('{"type":"input_audio_buffer.append","audio":"AUDIO"}'),
    ),
    "gnani": Tongue("/stt/v3/stream", {"x-api-key-id": "secret", "lang_code": "en-IN"}),
    "deepgram_flux": Tongue(
        "/v2/listen?model=flux-general-en&encoding=linear16&sample_rate=16000",
        {"Authorization": "Token secret"},
        flush='{"type":"ForceEndTurn"}',
        end='{"type":"CloseStream"}',
    ),
    "soniox": Tongue(
        "/transcribe-websocket",
        {"Authorization": "Bearer secret"},
        config='{"audio_format":"pcm_s16le","num_channels":1,"sample_rate":16000}',
        flush='{"type":"finalize"}',
        end="",
        keepalive='{"type":"keepalive"}',
    ),
    "cartesia": Tongue(
        "/stt/turns/websocket?model=ink-2&encoding=pcm_s16le&sample_rate=16000",
        {"X-API-Key": "secret"},
        end='{"type":"close"}',
    ),
    "cartesia_whisper": Tongue(
        "/stt/websocket?model=ink-whisper&encoding=pcm_s16le&sample_rate=16000",
        {"X-API-Key": "secret"},
        flush="finalize",
        end="close",
    ),
    "elevenlabs": Tongue(
        "/v1/speech-to-text/realtime?audio_format=pcm_16000&commit_strategy=vad",
        {"xi-api-key": "secret"},
        flush='{"message_type":"input_audio_chunk","audio_base_64":"","commit":true}',
        wrap=_in_base64(
            '{"message_type":"input_audio_chunk","audio_base_64":"AUDIO","commit":false}'
        ),
    ),
    "gladia": Tongue(
        "/v2/live?token=t&sample_rate=16000&messages_config.receive_partial_transcripts=true",
        end='{"type":"stop_recording"}',
        wrap=_in_base64('{"type":"audio_chunk","data":{"chunk":"AUDIO"}}'),
    ),
    "speechmatics": Tongue(
        "/v2/agent",
        {"Authorization": "Bearer secret"},
        config='{"message":"StartRecognition","audio_format":{"type":"raw",'
        '"encoding":"pcm_s16le","sample_rate":16000}}',
        flush='{"message":"ForceEndOfUtterance"}',
        end='{"message":"EndOfStream","last_seq_no":0}',
    ),
    "inference": Tongue(
        "/v1/stt?model=deepgram/nova-3",
        {"Authorization": "Bearer secret"},
        config='{"type":"session.create","settings":{"sample_rate":"16000",'
        '"encoding":"pcm_s16le"}}',
        flush='{"type":"session.finalize"}',
        end='{"type":"session.close"}',
        wrap=_in_base64('{"type":"input_audio","audio":"AUDIO"}'),
    ),
    "fireworksai": Tongue(
        "/v1/audio/transcriptions/streaming?response_format=verbose_json",
        {"Authorization": "secret"},
        end='{"checkpoint_id":"final"}',
    ),
    "gradium": Tongue(
        "/api/speech/asr",
        {"x-api-key": "secret"},
        config='{"type":"setup","model_name":"default","input_format":"pcm"}',
        end='{"type":"end_of_stream"}',
        rate=24000,
        wrap=_in_base64('{"type":"audio","audio":"AUDIO"}'),
        by_word=True,
    ),
    "rtzr": Tongue(
        "/v1/transcribe:streaming?sample_rate=8000&encoding=LINEAR16",
        {"Authorization": "bearer secret"},
        end="EOS",
        rate=8000,
    ),
    "sarvam": Tongue(
        "/speech-to-text/ws?language-code=en-IN&vad_signals=true&sample_rate=16000",
        {"api-subscription-key": "secret"},
        flush='{"type":"flush"}',
        end='{"type":"end_of_stream","audio":{"data":"","encoding":"audio/wav"}}',
        wrap=_in_base64('{"audio":{"data":"AUDIO","encoding":"audio/wav","sample_rate":16000}}'),
    ),
    "sarvam_realtime": Tongue(
        "/speech-to-text-realtime/ws?language_code=en-IN&sample_rate=16000",
        {"API-SUBSCRIPTION-KEY": "secret"},
        end='{"event":"end"}',
        keepalive='{"event":"ping"}',
    ),
    "simplismart": Tongue(
        "/ws/audio", {"Authorization": "Bearer secret"}, config='{"language":"en"}'
    ),
    "slng": Tongue(
        "/v1/bridges/unmute/stt/deepgram/nova:3",
        {"Authorization": "Bearer secret"},
        config='{"type":"init","config":{"language":"en","sample_rate":16000}}',
        flush='{"type":"finalize"}',
        end='{"type":"close"}',
        keepalive='{"type":"keepalive"}',
    ),
    "telnyx": Tongue(
        "/v2/speech-to-text/transcription?transcription_engine=Telnyx&input_format=wav",
        {"Authorization": "Bearer secret"},
        header=wav_header(16000),
    ),
    "xai": Tongue(
        "/v1/stt?sample_rate=16000&encoding=pcm&interim_results=true",
        {"Authorization": "Bearer secret"},
        end='{"type":"audio.done"}',
    ),
}
"""Also those in which not every client message exists."""
