"""Cutting audio and bytes into pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sttkit.audio.locate import Span

RATE = 16000
BYTES_PER_S = 2 * RATE


def chunks(data: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    """``data`` in pieces of these sizes, and the rest in one piece."""
    at = 0
    remaining = iter(sizes)
    while at < len(data):
        size = max(1, next(remaining, len(data)))
        yield data[at : at + size]
        at += size


def told(spans: Iterable[Span], rate: int = RATE) -> list[tuple[str | None, bool, bool, int, int]]:
    """What spans say, however they are cut: neighbours joined, in whole samples.

    Each is (track, exact, silent, first sample, samples); the first sample of what is on no track
    is 0.
    """
    joined: list[tuple[str | None, bool, bool, int, int]] = []
    for span in spans:
        first = round(span.start * rate) if span.track is not None else 0
        count = round(span.end * rate) - round(span.start * rate)
        if joined:
            track, exact, silent, begin, length = joined[-1]
            alike = (track, exact, silent) == (span.track, span.exact, span.silent)
            if alike and (track is None or begin + length == first):
                joined[-1] = (track, exact, silent, begin, length + count)
                continue
        joined.append((span.track, span.exact, span.silent, first, count))
    return joined
