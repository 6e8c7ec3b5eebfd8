"""Log records of all loggers and levels while a run lasts."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sttkit.driver.collect import STREAM, excerpt
from sttkit.trace import Trace

_OURS = ("sttkit", "websockets.server")
"""Loggers of the fake server: at DEBUG they print the requests it got, key and all."""

_STANDARD = frozenset(vars(logging.makeLogRecord({})))


@contextmanager
def captured(trace: Trace) -> Iterator[None]:
    """Write warnings into the trace as ``log``, and secrets at any level as ``leak``.

    Every logger is opened down to DEBUG meanwhile; handlers that were there before go on seeing
    what they would have seen without us. Everything is put back at the end.
    """
    root = logging.getLogger()
    known = [
        logger
        for logger in list(logging.root.manager.loggerDict.values())
        if isinstance(logger, logging.Logger)
    ]
    levels = {logger: logger.level for logger in (root, *known)}
    before = {logger.name: logger.level for logger in known}
    handler = _Capture(trace)
    # A logger that does not propagate needs the handler too, or its children's records are lost.
    tapped = [root, *(logger for logger in known if not logger.propagate)]
    existing = {old for logger in tapped for old in logger.handlers}
    only_usual = _OnlyUsual(root.level, before)
    for old in existing:
        old.addFilter(only_usual)
    for name in _OURS:
        levels.setdefault(logging.getLogger(name), logging.getLogger(name).level)
    opened = {
        logger: logging.DEBUG
        for logger, level in levels.items()
        if level > logging.DEBUG or logger is root
    }
    for name in _OURS:
        opened[logging.getLogger(name)] = max(logging.INFO, before.get(name, logging.NOTSET))
    _set_levels(opened)
    for logger in tapped:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in tapped:
            logger.removeHandler(handler)
        for old in existing:
            old.removeFilter(only_usual)
        _set_levels(levels)


def _set_levels(levels: Mapping[logging.Logger, int]) -> None:
    for logger, level in levels.items():
        logger.level = level
    # Once: each setLevel() has all loggers forget what they had worked out.
    logging.root.setLevel(logging.root.level)


class _Capture(logging.Handler):
    def __init__(self, trace: Trace) -> None:
        super().__init__(logging.NOTSET)
        self._trace = trace
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        if _is_ours(record.name):
            return
        try:
            message = record.getMessage()
            if record.levelno >= logging.WARNING:
                self._trace.note(
                    "client",
                    "log",
                    None,
                    STREAM.get(),
                    logger=record.name,
                    level=record.levelname,
                    message=self._trace.redact(message),
                )
            text = "\n".join([message, *self._details(record)])
            if self._trace.holds_secret(text):
                self._trace.note(
                    "client",
                    "leak",
                    None,
                    STREAM.get(),
                    place=f"log {record.name} {record.levelname}",
                    text=excerpt(self._trace.redact(text)),
                )
        except Exception:
            self.handleError(record)

    def _details(self, record: logging.LogRecord) -> Iterator[str]:
        """What a structured formatter would print besides: extra fields and the traceback."""
        for key, value in vars(record).items():
            if key not in _STANDARD:
                try:
                    yield f"{key}={value!r} {value!s}"
                except Exception:  # a third party's repr may raise
                    yield f"{key}=?"
        if record.exc_info:
            yield self._formatter.formatException(record.exc_info)
            error = record.exc_info[1]
            if error is not None:
                yield repr(error)


class _OnlyUsual(logging.Filter):
    """Passes what was enabled before the capture opened all loggers."""

    def __init__(self, root_level: int, levels: dict[str, int]) -> None:
        super().__init__()
        self._root_level = root_level
        self._levels = levels

    def filter(self, record: logging.LogRecord) -> bool:
        name = record.name
        while name:
            level = self._levels.get(name, logging.NOTSET)
            if level:
                return record.levelno >= level
            name = name.rpartition(".")[0]
        return record.levelno >= self._root_level


def _is_ours(name: str) -> bool:
    return any(name == ours or name.startswith(ours + ".") for ours in _OURS)
