"""The ends of a session: who ends it, how, and what follows."""

from __future__ import annotations

from websockets.frames import Frame, Opcode
from websockets.protocol import State as ProtocolState

from sttkit import faults
from sttkit.scripting.model import Network
from sttkit.session.connection import CLOSE_TIMEOUT_S
from sttkit.session.state import TRANSITIONS, State
from tests.support.caller import FOREVER, Stage
from tests.unit.session.sessions import every_dialect


@every_dialect
def test_the_client_may_close_first(dialect: str) -> None:
    stage = Stage(dialect=dialect)
    caller = stage.call()
    caller.close(4321, "enough")
    assert stage.records("close-received", code=4321, reason="enough")
    assert (caller.close_code, caller.close_reason, caller.eof) == (4321, "enough", True)


def test_an_empty_close_frame_is_answered_with_an_empty_one() -> None:
    stage = Stage()
    caller = stage.call()
    caller.write(Frame(Opcode.CLOSE, b"").serialize(mask=True))
    assert caller.close_code == 1005
    assert stage.records("close-received", code=1005)


def test_a_client_that_just_goes_is_noted_as_the_one_who_ended_it() -> None:
    stage = Stage()
    caller = stage.call()
    caller.hang_up()
    assert [record.data for record in stage.records("lost")] == [{"by": "client", "how": "fin"}]


def test_what_a_client_sent_before_it_went_is_heard_on_a_slow_line_too() -> None:
    stage = Stage(network=Network(latency=0.2))
    caller = stage.call()
    caller.end()
    caller.hang_up()
    stage.wait(1)
    kinds = [record.kind for record in stage.trace]
    assert kinds.index("control") < kinds.index("eof")
    assert stage.records("control", what="end")


def test_a_server_waits_for_the_close_reply_only_so_long() -> None:
    stage = Stage(faults.close(1011, at="before-audio"))
    caller = stage.dial()
    caller.protocol.data_to_send = list  # type: ignore[method-assign]
    caller.shake_hands()
    request = caller.protocol.connect()
    caller.write(request.serialize())
    caller.write(Frame(Opcode.TEXT, b'{"type":"config"}').serialize(mask=True))
    assert not caller.eof
    stage.wait(CLOSE_TIMEOUT_S)
    assert caller.eof
    assert stage.records("lost", by="server", how="close")


def test_gone_is_the_end_and_every_state_leads_there() -> None:
    assert set(TRANSITIONS) == set(State)
    assert not TRANSITIONS[State.GONE]
    for state, following in TRANSITIONS.items():
        assert state not in following
        assert state is State.GONE or State.GONE in following


def test_a_lost_connection_wants_nothing_more() -> None:
    stage = Stage()
    caller = stage.call()
    caller.speak(until=0.9)
    caller.connection.lost(stage.now, "reset")
    caller.connection.lost(stage.now, "reset")
    assert [record.data for record in stage.records("lost")] == [{"by": "client", "how": "reset"}]
    caller.connection.advance_to(stage.now + FOREVER)
    assert not caller.connection.actions()
    assert caller.protocol.state is ProtocolState.OPEN
