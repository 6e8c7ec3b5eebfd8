"""The control for LiveKit's base class: what it breaks, the framework breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from sttkit.controls.framework_probe import STT

    return STT(context)


TARGET = Target(
    name="framework_probe",
    dialect="custom_stt",
    build=_build,
    updates={"language": "fr"},
    expects={"language": "fr"},
    package="sttkit",
    extra="livekit",
    control=True,
    summary="a control: a sound _run over the base class and nothing else",
)
