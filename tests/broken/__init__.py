"""Deliberately broken plugins: one for each law that one can break on purpose.

A law that passes every plugin is worth nothing. So each of these is the sound probe with one step
spoilt, and a case that must make the kit say so.
"""

from . import audio, close, live, messages, order, retry
from .base import BROKEN, BrokenPlugin

__all__ = ["BROKEN", "BrokenPlugin", "audio", "close", "live", "messages", "order", "retry"]
