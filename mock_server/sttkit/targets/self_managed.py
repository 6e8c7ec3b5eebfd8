"""The negative control: a stream that replaces the base class's queues, task and iteration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from sttkit.controls.self_managed import STT

    return STT(context)


TARGET = Target(
    name="self_managed",
    dialect="custom_stt",
    build=_build,
    updates={"language": "fr"},
    expects={"language": "fr"},
    package="sttkit",
    extra="livekit",
    control=True,
    summary="a control: own queues and task in place of the base class's, and no retry",
)
