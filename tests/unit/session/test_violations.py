"""What RFC 6455 forbids, sent all the same, as a strict client meets it."""

from __future__ import annotations

import pytest
from websockets.frames import Opcode

from sttkit.faults.catalogue import RFC_VIOLATIONS
from tests.unit.session.sessions import whole_session

ACCEPTED = {
    # Lengths that take more bytes than they need are read by websockets' parser all the same.
    "overlong-length",
    # Whether text is UTF-8 is for the layer above the protocol object to find out.
    "bad-utf8",
}


@pytest.mark.parametrize("name", RFC_VIOLATIONS)
def test_a_strict_client_fails_on_a_violation(name: str) -> None:
    _, caller = whole_session(f"rfc={name}@mid-utterance")
    if name == "bad-utf8":
        texts = [bytes(f.data) for _, f in caller.frames if f.opcode is Opcode.TEXT]
        assert any(b"\xff" in text for text in texts)
    if name in ACCEPTED:
        assert caller.protocol.parser_exc is None
    else:
        assert caller.protocol.parser_exc is not None
        assert caller.protocol.close_sent is not None
        assert caller.protocol.close_sent.code in (1002, 1007, 1009)


@pytest.mark.parametrize("code", [1005, 1006, 1015, 999, 5000, 65535, 0])
def test_a_close_code_that_must_not_be_sent_is_sent_all_the_same(code: int) -> None:
    _, caller = whole_session(f"close={code}@before-audio")
    assert bytes([0x88]) in caller.raw
    assert code.to_bytes(2, "big") in caller.raw
    assert caller.protocol.parser_exc is not None
