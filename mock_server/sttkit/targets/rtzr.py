"""LiveKit's own plugin for RTZR: it reads its credentials from the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.rtzr import STT

    with _environment(RTZR_CLIENT_ID="sttkit", RTZR_CLIENT_SECRET=context.api_key):
        plugin = STT(http_session=context.http_session)
    plugin._client._api_base = context.place.http
    plugin._client._ws_base = context.place.ws
    return plugin


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


TARGET = Target(
    name="rtzr",
    dialect="rtzr",
    build=_build,
    sample_rate=8000,
    package="livekit-plugins-rtzr",
    extra="rtzr",
    batch=False,
    summary="LiveKit's plugin for RTZR",
)
