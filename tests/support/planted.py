"""A plugin with a bug that only a search finds: it takes two faults, one after the other."""

from __future__ import annotations

from typing import Any

from livekit.agents import APIError

from sttkit.controls.framework_probe import STT, Stream
from sttkit.targets.model import Context


class ForgetfulStream(Stream):
    """Connects again after the first drop, and forgets to after the second."""

    drops = 0

    async def _run(self) -> None:
        try:
            await super()._run()
        except APIError as error:
            self.drops += "lost" in str(error) or "closed" in str(error)
            if self.drops >= 2:
                return
            raise


class ForgetfulSTT(STT):
    """Makes forgetful streams."""

    stream_class = ForgetfulStream


def forgetful(context: Context) -> Any:
    """A sound plugin but for the bug."""
    return ForgetfulSTT(context)
