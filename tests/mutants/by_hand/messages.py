"""Mistakes with what the server says, and with what nobody may be told."""

from __future__ import annotations

from .model import breaks
from .places import connection

MESSAGES = (
    breaks(
        "INPUT-1",
        "not-json@mid-utterance.2",
        "dies of a message that is not JSON, and of a raw error",
        connection(
            "            if isinstance(message, protocol.Malformed):\n",
            "            if isinstance(message, protocol.Malformed):\n"
            "                raise ValueError(message.reason)\n",
        ),
    ),
    breaks(
        "INPUT-1:deaf",
        "not-json@mid-utterance.2",
        "after a message that is not JSON it hears no other",
        connection(
            "            if isinstance(message, protocol.Malformed):\n",
            "            if isinstance(message, protocol.Malformed):\n"
            "                self._offended = True\n"
            "            if hasattr(self, '_offended')"
            " and isinstance(message, protocol.Transcript):\n"
            "                continue\n"
            "            if isinstance(message, protocol.Malformed):\n",
        ),
    ),
    breaks(
        "INPUT-2",
        "rfc=rsv-bits@mid-utterance",
        "stops listening at a bad frame, and goes on sending into the void",
        connection(
            "            elif frame.type is aiohttp.WSMsgType.ERROR:\n",
            "            elif frame.type is aiohttp.WSMsgType.ERROR:\n"
            "                await asyncio.Event().wait()\n",
        ),
        connection(
            "        except (aiohttp.ClientError, ConnectionError) as error:\n"
            '            raise APIConnectionError(f"the connection was lost: {error}") from None',
            "        except (aiohttp.ClientError, ConnectionError):\n            pass",
        ),
    ),
    breaks(
        "INPUT-2:raw",
        "rfc=rsv-bits@mid-utterance",
        "lets the WebSocket client's complaint about a bad frame out as it is",
        connection(
            'raise APIConnectionError(f"the connection was lost: {self._ws.exception()}")',
            "raise self._ws.exception()",
        ),
    ),
    breaks(
        "INPUT-3",
        "provider-error=bad_audio@mid-utterance.2",
        "keeps the server's errors to itself",
        connection(
            "                if isinstance(message, protocol.Error):\n",
            "                if isinstance(message, protocol.Error):\n"
            "                    continue\n",
        ),
    ),
    breaks(
        "SECRET-1",
        "none@idle",
        "logs the key",
        connection(
            "        failure: APIError\n        try:\n            async with timeout_at",
            "        failure: APIError\n"
            "        logger.warning('connecting with the key %s', server.api_key)\n"
            "        try:\n            async with timeout_at",
        ),
    ),
)
