"""Any sample rate to the decoder's, by libsoxr."""

from __future__ import annotations

from sttkit.engine.hearing import RATE, Resample


def resampler(rate: int) -> Resample:
    """A resampler for one stream at ``rate`` Hz."""
    return _AsItIs() if rate == RATE else _Soxr(rate)


class _AsItIs:
    def feed(self, pcm: bytes) -> bytes:
        return pcm

    def finish(self) -> bytes:
        return b""


class _Soxr:
    def __init__(self, rate: int) -> None:
        import soxr  # pyright: ignore[reportMissingImports]

        # With 16-bit samples libsoxr adds dither, which depends on how the stream is cut.
        self._stream = soxr.ResampleStream(rate, RATE, 1, dtype="float32", quality="HQ")

    def feed(self, pcm: bytes) -> bytes:
        return self._convert(pcm, last=False)

    def finish(self) -> bytes:
        return self._convert(b"", last=True)

    def _convert(self, pcm: bytes, *, last: bool) -> bytes:
        import numpy as np

        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
        converted = self._stream.resample_chunk(samples, last=last)
        return bytes(np.clip(np.rint(converted), -32768, 32767).astype("<i2").tobytes())
