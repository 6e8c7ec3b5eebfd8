"""A target: how to build one plugin against the fake server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp
    from livekit.agents import stt


@dataclass(frozen=True)
class Place:
    """Where the fake server listens."""

    host: str
    port: int
    tls: bool = False

    @property
    def http(self) -> str:
        """``http://host:port`` (https with TLS), no trailing slash."""
        return f"{'https' if self.tls else 'http'}://{self._authority}"

    @property
    def ws(self) -> str:
        """``ws://host:port`` (wss with TLS), no trailing slash."""
        return f"{'wss' if self.tls else 'ws'}://{self._authority}"

    @property
    def _authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host  # IPv6, RFC 3986, 3.2.2
        return host if self.tls and self.port == 443 else f"{host}:{self.port}"


@dataclass(frozen=True)
class Context:
    """What a target is built with.

    Attributes:
        place: the fake server.
        http_session: an aiohttp session that the driver owns and closes.
        api_key: a key to hand in; it must show up nowhere (SECRET-1).
    """

    place: Place
    http_session: aiohttp.ClientSession
    api_key: str


@dataclass(frozen=True)
class Target:
    """One plugin that can be judged.

    Attributes:
        name: as on the command line.
        dialect: the wire protocol it speaks.
        build: makes the STT under test.
        sample_rate: rate it is given audio at and sends, Hz.
        updates: keyword arguments for ``update_options()``; empty if it has none.
        expects: configuration values, by the dialect's names, that those updates lead to.
        package: distribution whose version is reported.
        extra: the extra of sttkit that installs it, or None.
        batch: whether it can ``recognize()``.
        max_retry: retries it declares to the base class, where it overrides what it is given.
        speech_only: whether it is built to send speech and to keep back what lies between.
        loopback_only: why it cannot be simulated (a client with an event loop, threads or sockets
            of its own); then it is played over loopback wherever nothing else was asked for.
        control: whether it is one of the kit's own yardsticks rather than a plugin to be judged.
        summary: one line for ``sttkit targets``.
    """

    name: str
    dialect: str
    build: Callable[[Context], stt.STT[str]]
    sample_rate: int = 16000
    updates: Mapping[str, object] = field(default_factory=dict)
    expects: Mapping[str, object] = field(default_factory=dict)
    package: str = ""
    extra: str | None = None
    batch: bool = True
    max_retry: int | None = None
    speech_only: bool = False
    loopback_only: str | None = None
    control: bool = False
    summary: str = ""
