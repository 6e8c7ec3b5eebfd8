"""Plugins that cannot bear what a server says, or say too much themselves."""

from __future__ import annotations

import asyncio
import json
import logging

import aiohttp

from .base import Stream, breaks

logger = logging.getLogger(__name__)


@breaks("INPUT-1", "not-json@mid-utterance")
class Brittle(Stream):
    """Dies of a message that is not JSON, and of a bare JSONDecodeError."""

    def _parse(self, data):
        return json.loads(data)


@breaks("INPUT-1:deaf", "not-json@mid-utterance")
class Offended(Stream):
    """After a message that is not JSON it hears no other transcript."""

    offended = False

    def _parse(self, data):
        message = super()._parse(data)
        self.offended = self.offended or message is None
        return message

    def _take(self, message):
        if not self.offended:
            super()._take(message)


@breaks("INPUT-2", "rfc=rsv-bits@mid-utterance")
class RawViolation(Stream):
    """Lets the WebSocket client's complaint about a bad frame out as it is."""

    def _lost(self, kind, data, reason):
        if kind is aiohttp.WSMsgType.ERROR and isinstance(data, Exception):
            return data
        return super()._lost(kind, data, reason)


@breaks("INPUT-2:deaf", "rfc=rsv-bits@mid-utterance")
class DeafViolation(Stream):
    """Stops listening at a bad frame, and goes on sending into the void."""

    async def _receive(self, ws):
        try:
            await super()._receive(ws)
        except Exception:
            await asyncio.Event().wait()

    async def _send_audio(self, ws, pcm):
        if not ws.closed:
            await super()._send_audio(ws, pcm)


@breaks("INPUT-3", "provider-error=bad_audio@mid-utterance")
class Diplomat(Stream):
    """Keeps the server's errors to itself."""

    def _parse(self, data):
        message = super()._parse(data)
        if message is not None and message["type"] == "error":
            return {"type": "discreet"}
        return message


@breaks("SECRET-1", "none@idle")
class Gossip(Stream):
    """Logs the key."""

    async def _dial(self, deadline):
        logger.warning("connecting with the key %s", self.setting.api_key)
        return await super()._dial(deadline)


@breaks("RETRY-7:null", "null-error@mid-utterance")
class Numbered(Stream):
    """Takes it for granted that an error has a code."""

    def _reported(self, message):
        logger.warning("error %s", message["code"].upper())
        return super()._reported(message)
