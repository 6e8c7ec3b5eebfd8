"""One WebSocket to the server: the only module that knows aiohttp's WebSocket client.

Whatever goes wrong with the line comes out as an `APIError`. None of them carries what aiohttp's
own exceptions do, the headers of the request, because those hold the API key.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp
from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError, utils
from yarl import URL

from . import protocol
from ._compat import timeout, timeout_at
from .log import logger

END_TIMEOUT = 0.5
"""Seconds to wait, on closing, for a server that does not take ``end_of_stream``."""

CLOSE_TIMEOUT = 1.0
"""Seconds to wait, on closing, for the server's close frame."""


@dataclass(frozen=True)
class Server:
    """Where the server is, and the key to it."""

    url: URL
    api_key: str | None = field(default=None, repr=False)

    @classmethod
    def at(cls, api_url: str, api_key: str | None) -> Server:
        url = URL(api_url)
        if url.scheme not in ("http", "https", "ws", "wss") or not url.host:
            raise ValueError("api_url must be like http://localhost:8000 or wss://host/base/path")
        return cls(url, api_key)

    @property
    def stream_url(self) -> URL:
        secure = self.url.scheme in ("https", "wss")
        return self.url.with_scheme("wss" if secure else "ws") / "ws" / "transcribe"

    def http_url(self, path: str) -> URL:
        secure = self.url.scheme in ("https", "wss")
        return self.url.with_scheme("https" if secure else "http") / path

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    def redact(self, text: str) -> str:
        """What the server said, without the key, should it have said that."""
        return text.replace(self.api_key, "***") if self.api_key else text


class RetryLaterError(APIStatusError):
    """The server refused the handshake and named the seconds after which to come back."""

    retry_after: float = 0.0


def status_error(message: str, status: int) -> APIStatusError:
    """What an HTTP status means. Old releases do not know that 408 and 429 pass, so say it."""
    return APIStatusError(
        message, status_code=status, retryable=status in (408, 429) or not 400 <= status < 500
    )


class Connection:
    """A session with the server, from `open` to `aclose`."""

    def __init__(
        self, ws: aiohttp.ClientWebSocketResponse[bool], server: Server, config: protocol.Config
    ) -> None:
        self._ws = ws
        self._server = server
        # aiohttp has no public way to give a connection up at once, see aclose().
        connection = ws._response.connection
        self._transport = connection.transport if connection else None
        self.config = config
        self.session_id = utils.shortuuid()
        self.end_sent = False
        self._closing = False
        self.heard_at = asyncio.get_running_loop().time()
        """When the server last said something that made sense, or was told the end."""

    @classmethod
    async def open(
        cls,
        http: aiohttp.ClientSession,
        server: Server,
        config: protocol.Config,
        *,
        deadline: float,
        heartbeat: float,
    ) -> Connection:
        """Connect, send the configuration, and wait until the server is ready for audio.

        All three together have until ``deadline``, by the loop's clock. ``heartbeat`` is in seconds
        between pings; a line that leaves one unanswered for half as long is dead. Without them, a
        half-open line (peer gone, no FIN, no RST) is never noticed.
        """
        failure: APIError
        try:
            async with timeout_at(deadline):
                ws = await http.ws_connect(
                    server.stream_url, headers=server.headers, heartbeat=heartbeat
                )
                connection = cls(ws, server, config)
                try:
                    await connection._shake_hands()
                except BaseException:
                    await connection.aclose()
                    raise
                return connection
        except APIError as error:
            failure = error
        except asyncio.TimeoutError:
            failure = APITimeoutError("the server did not get ready in time")
        except aiohttp.WSServerHandshakeError as error:
            failure = _refusal(error)
        except Exception as error:
            # Retried even if it is an odd one: a garbled HTTP answer raises all sorts of things.
            detail = error if isinstance(error, OSError) else type(error).__name__
            failure = APIConnectionError(f"could not connect to the server: {detail}")
        # Raised out here, where no handled exception becomes its __context__.
        raise failure

    async def _shake_hands(self) -> None:
        await self._send(protocol.encode_config(self.config, session_id=self.session_id))
        while not isinstance(message := await self.receive(), protocol.Ready):
            logger.warning("the server spoke before it was ready")
        if message.protocol != protocol.PROTOCOL_VERSION:
            logger.warning("the server speaks protocol %d", message.protocol)
        self.session_id = message.session_id or self.session_id

    async def send_audio(self, pcm: bytes) -> None:
        await self._send(pcm)

    async def send_flush(self) -> None:
        await self._send(protocol.encode_flush())

    async def send_keepalive(self) -> None:
        await self._send(protocol.encode_keepalive())

    async def send_end(self) -> None:
        """Tell the server, once, that no more audio comes."""
        if not self.end_sent:
            self.end_sent = True
            self.heard_at = asyncio.get_running_loop().time()
            await self._send(protocol.encode_end_of_stream())

    async def _send(self, message: str | bytes) -> None:
        try:
            if isinstance(message, bytes):
                await self._ws.send_bytes(message)
            else:
                await self._ws.send_str(message)
        except (aiohttp.ClientError, ConnectionError) as error:
            raise APIConnectionError(f"the connection was lost: {error}") from None

    async def receive(self) -> protocol.ServerMessage:
        """The next message that makes sense.

        Raises:
            APIError: the server reported an error, or the connection ended. The end of a session
                is a `SessionEnded`; without one a close is never an end, whatever its code.
        """
        while True:
            frame = await self._ws.receive()
            if self._closing:
                raise APIConnectionError("the connection is being closed")
            if frame.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                message = protocol.decode(frame.data)
            elif frame.type is aiohttp.WSMsgType.ERROR:
                # A ping left unanswered, or a frame that no WebSocket peer may send.
                raise APIConnectionError(f"the connection was lost: {self._ws.exception()}")
            else:
                raise self._closed(reason=frame.extra)

            if isinstance(message, protocol.Malformed):
                logger.warning("skipped a malformed message of the server: %s", message.reason)
            elif isinstance(message, protocol.Unknown):
                logger.warning("skipped a message of type %r", self._server.redact(message.type))
            else:
                self.heard_at = asyncio.get_running_loop().time()
                if isinstance(message, protocol.Error):
                    raise APIError(
                        self._server.redact(message.message),
                        body={"code": message.code},
                        retryable=message.retryable,
                    )
                return message

    def _closed(self, *, reason: object) -> APIConnectionError:
        code = self._ws.close_code
        said = f" {self._server.redact(reason)!r}" if isinstance(reason, str) and reason else ""
        return APIConnectionError(
            f"the server closed the connection (code {code}{said})",
            retryable=code != protocol.CLOSE_POLICY_VIOLATION,
        )

    async def aclose(self) -> None:
        """Say goodbye, and be gone within `END_TIMEOUT` + `CLOSE_TIMEOUT` whatever happens.

        Nothing that the server still says is heard.
        """
        self._closing = True
        try:
            with suppress(asyncio.TimeoutError, APIConnectionError):
                async with timeout(END_TIMEOUT):
                    await self.send_end()
            with suppress(asyncio.TimeoutError):
                async with timeout(CLOSE_TIMEOUT):
                    await self._ws.close()
        finally:
            # close() leaves a transport that first wants to get rid of what it has buffered. With
            # a server that stopped reading that is never, and the socket would stay for ever.
            if self._transport is not None:
                self._transport.abort()


def _refusal(error: aiohttp.WSServerHandshakeError) -> APIError:
    if error.status < 400:  # a redirect, or an upgrade done wrong
        return APIConnectionError(f"the handshake failed: {error.message} ({error.status})")
    refusal = status_error("the server refused the handshake", error.status)
    retry_after = error.headers.get("Retry-After", "") if error.headers else ""
    if retry_after.isdecimal():
        refusal = RetryLaterError(refusal.message, status_code=error.status, retryable=True)
        refusal.retry_after = float(retry_after)
    return refusal
