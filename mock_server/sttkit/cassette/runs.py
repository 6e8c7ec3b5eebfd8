"""Messages of audio, gathered into one entry of a cassette.

Each is 20 to 100 ms; one line for so little would make a cassette long and a diff useless.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from operator import sub

from msgspec import UnsetType

from sttkit.cassette.model import Audio

RUN_US = 1_000_000
"""How long a run of audio may last."""
RUN_MESSAGES = 100
RUN_BYTES = 1 << 20
"""How much audio a run may have that is not written yet."""


class AudioRun:
    """Messages of audio that will be one entry.

    Attributes:
        frames: of a single message that came in several.
    """

    def __init__(self, at_us: int, *, is_text: bool) -> None:
        self.frames: tuple[int, ...] = ()
        self._is_text = is_text
        self._until_us = at_us + RUN_US
        self._times: list[int] = []
        self._sizes: list[int] = []
        self._kept: list[bytes] = []
        self._bytes = 0

    def takes(self, at_us: int, *, is_text: bool) -> bool:
        """Whether a message belongs to this run."""
        return (
            is_text is self._is_text
            and at_us < self._until_us
            and self._bytes < RUN_BYTES
            and len(self._times) < RUN_MESSAGES
        )

    def room(self, times: Sequence[int], at: int, size: int) -> int:
        """How many of the messages from ``at`` on, all of ``size`` bytes, belong to this run."""
        by_time = bisect_left(times, self._until_us, at) - at
        by_bytes = -(-(RUN_BYTES - self._bytes) // size)
        return min(by_time, by_bytes, RUN_MESSAGES - len(self._times))

    def add_all(self, times: Sequence[int], size: int, kept: Sequence[bytes]) -> None:
        """Messages more of one size, and what is kept of them, all or none."""
        self._times += times
        self._sizes += [size] * len(times)
        self._kept += kept
        self._bytes += size * len(times)

    def add(self, at_us: int, size: int, kept: bytes | None) -> None:
        """One message more, and what is kept of it."""
        self._times.append(at_us)
        self._sizes.append(size)
        if kept is not None:
            self._kept.append(kept)
        self._bytes += size

    @property
    def kept(self) -> Sequence[bytes] | None:
        """What is kept of all of them; None if one is left out."""
        return self._kept if len(self._kept) == len(self._sizes) else None

    def entry(self, number: int, position_us: int, offset: int | UnsetType) -> Audio:
        """The whole run; ``offset`` is where it is kept, ``position_us`` the position behind it."""
        times = self._times
        return Audio(
            interaction=number,
            at_us=times[0],
            audio_us=position_us,
            opcode="text" if self._is_text else "binary",
            sizes=tuple(self._sizes),
            # `or ()`: before Python 3.11 no other empty tuple is left out.
            gaps_us=tuple(map(sub, times[1:], times)) or (),
            offset=offset,
            frames=self.frames,
        )
