"""A trace as a timeline to read: server on the left, application on the right, faults in between.

    >>> print(timeline(trace.records))                                          # doctest: +SKIP
         s conn server                              application
     0.000                                          stream()
     0.004 #0   attempt
     1.310 #0   heard 0.90 s (0.00–0.90)            pushed 0.92 s (0.00–0.92)
     1.312 #0   sends interim "hello"
     1.313 #0 ! close=1011 at mid-utterance.1

Audio is told in runs, each at the time of its last piece. What only the laws need (points that were
reached, a clean census) is left out.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sttkit.conformance.wording import Data, Told, Tone, left_over, told
from sttkit.trace import Record, Side

SHORT_RUN_S = 0.1
"""Less audio than this does not get a line of its own, unless something serious follows."""
LONG_RUN_S = 5.0
"""More audio than this gets a line even if nothing else happens."""
_TIME = 9
_CONN = 5
_MOST_LINES = 4
_SERIOUS = frozenset(
    {"attempt", "fault", "close-sent", "close-received", "lost", "eof", "action", "ended", "stream"}
)
_STYLES: dict[Tone, str] = {"fault": "1;31", "bad": "31", "good": "32", "faint": "2", "plain": ""}


@dataclass
class _Run:
    """Audio pushed or heard in one go."""

    at: float
    conn: int | None
    stream: str | None
    seconds: float = 0.0
    start: float | None = None
    end: float = 0.0

    def text(self, verb: str) -> str:
        where = "" if self.start is None else f" ({self.start:.2f}–{self.end:.2f})"
        return f"{_prefix(self.stream)}{verb} {self.seconds:.2f} s{where}"


def timeline(records: Iterable[Record], *, width: int = 80, color: bool = False) -> str:
    """``records`` as lines of at most ``width`` columns; ``color`` adds ANSI colours."""
    teller = Teller(width=width, color=color)
    lines = teller.head()
    for record in records:
        lines += teller.feed(record)
    return "\n".join([*lines, *teller.rest()])


class Teller:
    """Tells records one by one, as they come; see `timeline`.

    Args:
        width, color: as for `timeline`.
        server_only: there is no application to tell of, so the server gets all the width.
    """

    def __init__(self, *, width: int = 80, color: bool = False, server_only: bool = False) -> None:
        self._color = color
        both = max(40, width - _TIME - _CONN - 2)
        self._left = both if server_only else both // 2
        self._right = both - self._left
        self._runs: dict[tuple[Side, int | None, str | None], _Run] = {}
        self._counted: Data | None = None

    def head(self) -> list[str]:
        """The line above the columns."""
        line = f"{'s':>{_TIME - 1}} {'conn':<{_CONN}}{'server':<{self._left}}"
        if self._right:
            line += "  application"
        return [self._paint(line.rstrip(), "faint")]

    def feed(self, record: Record) -> list[str]:
        """The lines that can be told now."""
        if record.kind in ("audio", "push"):
            self._lengthen(record)
            return self._told_runs(at_least=LONG_RUN_S)
        cell = self._census(record) if record.kind == "census" else told(record)
        if cell is None:
            return []
        text, tone = cell
        lines = self._told_runs(0.0 if record.kind in _SERIOUS else SHORT_RUN_S)
        text = _prefix(record.stream) + text
        if tone == "fault":
            return [*lines, *self._across(record, text)]
        if record.side == "server":
            return [*lines, *self._row(record.at, record.conn, text, "", tone)]
        return [*lines, *self._row(record.at, record.conn, "", text, tone)]

    def rest(self) -> list[str]:
        """The lines that were held back."""
        return self._told_runs(0.0)

    def _census(self, record: Record) -> Told | None:
        if self._counted is None:
            self._counted = record.data
            return None
        return left_over(self._counted, record.data)

    # --- runs of audio ------------------------------------------------------------------------

    def _lengthen(self, record: Record) -> None:
        key = (record.side, record.conn, record.stream)
        run = self._runs.setdefault(key, _Run(record.at, record.conn, record.stream))
        run.at = record.at
        for start, end, known in _pieces(record.data):
            run.seconds += end - start
            if known:
                run.start = start if run.start is None else run.start
                run.end = end

    def _told_runs(self, at_least: float) -> list[str]:
        """A row for each run that is long enough, what was pushed beside what was heard of it."""
        due = [key for key, run in self._runs.items() if run.seconds >= at_least]
        if not due:
            return []
        if at_least:  # its counterpart belongs to the same row, whatever its length
            streams = {stream for _, _, stream in due}
            due = [key for key in self._runs if key[2] in streams]
        runs = {key: self._runs.pop(key) for key in due}
        heard = [run for (side, _, _), run in runs.items() if side == "server"]
        pushed = {run.stream: run for (side, _, _), run in runs.items() if side == "client"}
        lines: list[str] = []
        for run in sorted(heard, key=lambda run: run.at):
            other = pushed.pop(run.stream, None)
            at = max(run.at, other.at) if other else run.at
            right = other.text("pushed") if other else ""
            lines += self._row(at, run.conn, run.text("heard"), right, "faint")
        for run in pushed.values():
            lines += self._row(run.at, None, "", run.text("pushed"), "faint")
        return lines

    # --- layout -------------------------------------------------------------------------------

    def _row(self, at: float, conn: int | None, left: str, right: str, tone: Tone) -> list[str]:
        cells = _side_by_side(_wrapped(left, self._left), _wrapped(right, self._right))
        lines = []
        for index, (one, other) in enumerate(cells):
            body = self._paint(f"{one:<{self._left}}  {other}".rstrip(), tone)
            lines.append(self._margin(at, conn, first=index == 0) + body)
        return [line.rstrip() for line in lines]

    def _across(self, record: Record, text: str) -> list[str]:
        width = self._left + 2 + self._right
        lines = []
        for index, line in enumerate(_wrapped(text, width)):
            margin = self._margin(record.at, record.conn, first=index == 0, mark="!")
            lines.append(margin + self._paint(line, "fault"))
        return lines

    def _margin(self, at: float, conn: int | None, *, first: bool, mark: str = "") -> str:
        if not first:
            return " " * (_TIME + _CONN)
        number = f"#{conn}" if conn is not None else ""
        return self._paint(f"{at:>{_TIME - 1}.3f} ", "faint") + f"{number:<{_CONN - 2}}{mark:<2}"

    def _paint(self, text: str, tone: Tone) -> str:
        style = _STYLES[tone]
        return f"\x1b[{style}m{text}\x1b[0m" if self._color and style and text else text


def _side_by_side(left: list[str], right: list[str]) -> list[tuple[str, str]]:
    """The lines of two cells side by side."""
    height = max(len(left), len(right), 1)
    return [
        (left[i] if i < len(left) else "", right[i] if i < len(right) else "")
        for i in range(height)
    ]


def _pieces(data: Any) -> Iterable[tuple[float, float, bool]]:
    """(start, end, whether that is a position in what was pushed) of an audio or push record."""
    if "spans" in data:
        for track, start, end, *_ in data["spans"]:
            yield start, end, track is not None
    else:
        yield data["start"], data["end"], True


def _wrapped(text: str, width: int) -> list[str]:
    if not text:
        return []
    return textwrap.wrap(
        text,
        width,
        subsequent_indent="  ",
        max_lines=_MOST_LINES,
        placeholder=" …",
        break_on_hyphens=False,
    )


def _prefix(stream: str | None) -> str:
    return "" if stream in (None, "main") else f"[{stream}] "
