"""What is rewritten in requests on their way: where they go, and that answers can be read.

Offers of compression are withdrawn (RFC 7692, and content codings of RFC 9110, 8.4): what is
recorded is then what was said, so that it can be read, compared, cleaned of secrets and played to
any client. All servers have to do without, and so do clients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import h11

from sttkit.errors import UsageError

MAX_HEAD_BYTES = 65_536
_PORTS = {"ws": 80, "http": 80, "wss": 443, "https": 443}
_METHODS = (b"GET ", b"POST ", b"PUT ", b"PATCH ", b"DELETE ", b"HEAD ", b"OPTIONS ")


@dataclass(frozen=True)
class Upstream:
    """Where requests go.

    Attributes:
        scheme: ws, wss, http or https; one port serves both kinds of requests.
        host, port: of the server.
        prefix: what is put before the path of every request.
    """

    scheme: str
    host: str
    port: int
    prefix: str = ""

    @classmethod
    def parse(cls, url: str) -> Upstream:
        """The upstream that a URL names.

        Raises:
            UsageError: it is no such URL.
        """
        expected = "ws://, wss://, http:// or https://, a host, and perhaps a port and a path"
        try:
            split = urlsplit(url)
            port = split.port
        except ValueError as error:
            raise UsageError(f"not a URL: {error}", where=url, expected=expected) from None
        if split.scheme not in _PORTS or not split.hostname:
            raise UsageError("not a URL of a server", where=url, expected=expected)
        if split.username or split.password or split.query or split.fragment:
            raise UsageError(
                "what belongs to single requests",
                where=f"{split.scheme}://{split.hostname}",
                expected="a URL without user, query and fragment: clients send them themselves",
            )
        number = port if port is not None else _PORTS[split.scheme]
        return cls(split.scheme, split.hostname, number, split.path.rstrip("/"))

    @property
    def is_tls(self) -> bool:
        """Whether TLS is spoken to it."""
        return self.scheme in ("wss", "https")

    @property
    def authority(self) -> str:
        """Host and port, the port only if it is not the scheme's."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.authority}"


def readable(head: bytes) -> bytes:
    """A request without offers of compression."""

    def edit(name: bytes, line: bytes) -> bytes | None:
        if name == b"sec-websocket-extensions":
            return None
        # Without this header any coding would be welcome (RFC 9110, 12.5.3).
        return b"Accept-Encoding: identity" if name == b"accept-encoding" else line

    return _edited(head, edit)


def readdressed(head: bytes, upstream: Upstream) -> bytes:
    """A request as the upstream expects it: path, host and origin."""
    scheme = b"https" if upstream.is_tls else b"http"
    authority = upstream.authority.encode("idna" if not upstream.host.isascii() else "ascii")

    def edit(name: bytes, line: bytes) -> bytes:
        if name == b"host":
            return b"Host: " + authority
        if name == b"origin":
            return b"Origin: " + scheme + b"://" + authority
        return line

    line, rest = _edited(head, edit).split(b"\r\n", 1)
    method, _, behind = line.partition(b" ")
    target, _, version = behind.rpartition(b" ")
    if target.startswith(b"/"):
        target = upstream.prefix.encode() + target
    return b" ".join((method, target, version)) + b"\r\n" + rest


def _edited(head: bytes, edit: Callable[[bytes, bytes], bytes | None]) -> bytes:
    first, *lines = head[: -len(b"\r\n\r\n")].split(b"\r\n")
    made = [edit(line.partition(b":")[0].strip().lower(), line) for line in lines]
    return b"\r\n".join([first, *(line for line in made if line is not None), b"", b""])


class Requests:
    """Finds the heads of requests in what a client sends, and leaves all else as it is.

    Args:
        readdress: makes of a head what is passed on.
    """

    def __init__(self, readdress: Callable[[bytes], bytes] = lambda head: head) -> None:
        self._readdress = readdress
        self._head = bytearray()
        self._body: h11.Connection | None = None
        self.is_raw = False
        """Whether no further head comes: behind an upgrade, or because this is no HTTP."""

    def receive(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Pieces of what a client said: as it is recorded, and as it is passed on."""
        while data:
            if self.is_raw:
                yield data, data
                return
            if self._body is not None:
                rest = self._behind_body(self._body, data)
                if len(rest) < len(data):
                    piece = data[: len(data) - len(rest)]
                    yield piece, piece
                data = rest
                continue
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                if len(self._head) > MAX_HEAD_BYTES or not _may_be_request(self._head):
                    self.is_raw = True
                    data = self.rest()
                    continue
                return
            head, data = bytes(self._head[: end + 4]), bytes(self._head[end + 4 :])
            self._head.clear()
            yield self._take_head(head)

    def rest(self) -> bytes:
        """What was held back: the beginning of a head whose end never came."""
        rest = bytes(self._head)
        self._head.clear()
        return rest

    def _take_head(self, head: bytes) -> tuple[bytes, bytes]:
        lower = head.lower()
        if not _may_be_request(bytearray(head)):
            self.is_raw = True
            return head, head
        heard = readable(head)
        if b"\r\nupgrade:" in lower or lower.startswith(b"connect "):
            self.is_raw = True
        else:
            self._body = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
            self._behind_body(self._body, head)
        return heard, self._readdress(heard)

    def _behind_body(self, parser: h11.Connection, data: bytes) -> bytes:
        """What of ``data`` belongs to the next request."""
        try:
            parser.receive_data(data)
            while True:
                event = parser.next_event()
                if isinstance(event, h11.EndOfMessage):
                    self._body = None
                    return parser.trailing_data[0]
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return b""
        except (h11.RemoteProtocolError, h11.LocalProtocolError):
            self.is_raw = True  # no request that is understood: the server may say so
            self._body = None
            return b""


def _may_be_request(head: bytearray) -> bool:
    start = bytes(head[:8])
    return any(method.startswith(start) or start.startswith(method) for method in _METHODS)
