"""AUDIO in another form than the plugin's: another sample rate, or two channels."""

from __future__ import annotations

import re

from sttkit.laws.audio import disturbed
from sttkit.laws.judging import overall, secs
from sttkit.laws.ledger import COUNTED_SLACK_S
from sttkit.laws.model import Judgement, Law, Run, broken, passed, unclear, unexercised
from sttkit.laws.streams import Stream

_SAYS_WHY = re.compile(r"channel|stereo|mono\b", re.IGNORECASE)


def other_forms_are_converted(run: Run) -> Judgement:
    return overall(
        (_is_converted(run, stream) for stream in run.history.streams if stream.in_other_form),
        otherwise="all audio was mono at the plugin's rate",
    )


def _is_converted(run: Run, stream: Stream) -> Judgement:
    stereo = bool(stream.actions("stereo"))
    what = "stereo" if stereo else f"audio at {stream.actions('input')[0].data['value']:g} Hz"
    refusals = list(stream.refusals("push_frame"))
    ended = stream.ended_by_itself
    why_not = disturbed(run, stream)
    pushed = stream.pushed_end
    arrived = sum(
        span.duration
        for connection in stream.connections
        for span in connection.heard
        if not span.silent
    )
    whole = bool(pushed) and abs(arrived - pushed) <= COUNTED_SLACK_S
    if ended is not None and ended.data["how"] == "raised" and not why_not and not whole:
        refusals.append(ended)
    if refusals:
        error = refusals[0].data["error"]
        said = f"{error['type']}: {error['message']}"
        if stereo and _SAYS_WHY.search(said):
            return passed()
        expected = f"{what} is converted" + (", or refused with a clear error" * stereo)
        return broken(expected, said[:120], refusals[0].at)
    if why_not:
        return unclear(why_not)
    if ended is None:
        return unexercised("the stream did not come to its own end")
    if whole:
        return passed()
    label = " (sent under the wrong label)" if arrived > pushed else ""
    return broken(f"{what} is converted: {secs(pushed)} of it", secs(arrived) + label)


LAWS = (
    Law(
        "AUDIO-5",
        "must",
        "Mono input at another sample rate is converted; stereo at the plugin's rate is converted "
        "or refused with a clear error; neither is sent under a wrong label.",
        "Audio under a wrong label is transcribed as nonsense, and nothing says why.",
        "How much audio arrived, by the server's count, against how much was pushed.",
        other_forms_are_converted,
    ),
)
