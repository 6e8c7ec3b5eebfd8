"""Mutants by hand: for each *must* law, the mistake it was written against, made in the plugin."""

from __future__ import annotations

from .audio import AUDIO
from .close import CLOSE
from .live import LIVE
from .messages import MESSAGES
from .model import ByHand, by_id
from .order import ORDER
from .retry import RETRY

__all__ = ["BY_HAND", "ByHand"]

BY_HAND = by_id(*LIVE, *RETRY, *CLOSE, *ORDER, *AUDIO, *MESSAGES)
