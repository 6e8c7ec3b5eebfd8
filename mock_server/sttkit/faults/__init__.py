"""Faults: what can go wrong on the line, as data placed at named points.

    >>> from sttkit import faults
    >>> str(faults.close(1011, at="mid-utterance", n=2))
    'close=1011@mid-utterance.2'

`catalogue` says what there is, in one table; `placing` is the data model and these constructors,
one per fault, called with the parameter the table gives it and the place: ``at`` a point, its
``n``-th occurrence, on the ``connection`` that is ``"next"`` to get there, the ``n``-th from here,
or ``"each"``.
"""

from sttkit.faults.catalogue import (
    CATALOGUE,
    POINTS,
    Family,
    FaultKind,
    Parameter,
    Point,
    kind_of,
)
from sttkit.faults.placing import Fault, FaultMaker, Placed, parse_fault, parse_placed

none = FaultMaker("none")
refused = FaultMaker("refused")
no_answer = FaultMaker("no-answer")
unknown_host = FaultMaker("unknown-host")
http = FaultMaker("http")
redirect = FaultMaker("redirect")
bad_accept = FaultMaker("bad-accept")
slow_handshake = FaultMaker("slow-handshake")
certificate = FaultMaker("certificate")
no_greeting = FaultMaker("no-greeting")
close = FaultMaker("close")
reset = FaultMaker("reset")
fin = FaultMaker("fin")
half_open = FaultMaker("half-open")
half_close = FaultMaker("half-close")
unasked_end = FaultMaker("unasked-end")
no_close_reply = FaultMaker("no-close-reply")
latency = FaultMaker("latency")
jitter = FaultMaker("jitter")
bandwidth = FaultMaker("bandwidth")
stall = FaultMaker("stall")
stop_reading = FaultMaker("stop-reading")
session_limit = FaultMaker("session-limit")
late_final = FaultMaker("late-final")
late_close = FaultMaker("late-close")
mute_after_end = FaultMaker("mute-after-end")
fragment = FaultMaker("fragment")
cut = FaultMaker("cut")
rfc = FaultMaker("rfc")
drop = FaultMaker("drop")
duplicate = FaultMaker("duplicate")
reorder = FaultMaker("reorder")
delay = FaultMaker("delay")
not_json = FaultMaker("not-json")
json_array = FaultMaker("json-array")
json_null = FaultMaker("json-null")
wrong_types = FaultMaker("wrong-types")
unknown_type = FaultMaker("unknown-type")
empty = FaultMaker("empty")
binary_for_text = FaultMaker("binary-for-text")
text_for_binary = FaultMaker("text-for-binary")
huge = FaultMaker("huge")
nested = FaultMaker("nested")
provider_error = FaultMaker("provider-error")
null_error = FaultMaker("null-error")
empty_transcript = FaultMaker("empty-transcript")
retract = FaultMaker("retract")
early_message = FaultMaker("early-message")
final_after_end = FaultMaker("final-after-end")
bad_times = FaultMaker("bad-times")
batch_http = FaultMaker("batch-http")
batch_slow = FaultMaker("batch-slow")
batch_cut = FaultMaker("batch-cut")
batch_empty = FaultMaker("batch-empty")
batch_not_json = FaultMaker("batch-not-json")

__all__ = [
    "CATALOGUE",
    "POINTS",
    "Family",
    "Fault",
    "FaultKind",
    "FaultMaker",
    "Parameter",
    "Placed",
    "Point",
    "kind_of",
    "parse_fault",
    "parse_placed",
]
