"""LiveKit's own plugin for Google Cloud with a model of version 2, and told of speech events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.google import OUTSIDE, built
from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    return built(context, model="chirp_2", enable_voice_activity_events=True)


TARGET = Target(
    name="google_v2",
    dialect="google_v2",
    build=_build,
    updates={"languages": "fr-FR"},
    expects={"config.language_codes": ["fr-FR"]},
    package="livekit-plugins-google",
    extra="google",
    loopback_only=OUTSIDE,
    summary="LiveKit's plugin for Google Cloud, version 2 with voice activity events",
)
