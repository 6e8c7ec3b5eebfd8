"""Frames that RFC 6455 forbids, byte by byte.

Each entry names the clause. Autobahn's groups 1 to 7 were the checklist: framing, opcodes, reserved
bits, control frames, fragmentation, UTF-8, close handling. What a client library does with each
differs (some accept masked server frames or close code 5000); the laws allow that.
"""

from __future__ import annotations

from sttkit.faults.catalogue import RFC_VIOLATIONS

_HELLO = b"hello"

VIOLATIONS: dict[str, bytes] = {
    # 5.2: RSV1-3 must be 0 unless an extension gives them a meaning.
    "rsv-bits": bytes([0xF1, len(_HELLO)]) + _HELLO,
    # 5.2: opcodes 3-7 are reserved.
    "reserved-opcode": bytes([0x83, len(_HELLO)]) + _HELLO,
    # 5.2: opcodes 0xB-0xF are reserved.
    "reserved-control": bytes([0x8B, 0x00]),
    # 5.1: a server must not mask its frames.
    "masked": bytes([0x81, 0x80 | len(_HELLO), 0, 0, 0, 0]) + _HELLO,
    # 8.1: text must be UTF-8.
    "bad-utf8": bytes([0x81, 0x05]) + b"\xce\xba\xe1\xbd\xff",
    # 7.4.1: 1005 must not be sent.
    "bad-close-code": bytes([0x88, 0x02]) + (1005).to_bytes(2, "big"),
    # 7.4.2: 5000 lies in no range.
    "close-5000": bytes([0x88, 0x02]) + (5000).to_bytes(2, "big"),
    # 5.5.1: a close body is empty or at least two bytes.
    "close-one-byte": bytes([0x88, 0x01, 0x03]),
    # 5.5.1: the reason must be UTF-8.
    "close-bad-utf8": bytes([0x88, 0x04]) + (1000).to_bytes(2, "big") + b"\xff\xfe",
    # 5.5: control frames must not be fragmented.
    "fragmented-ping": bytes([0x09, 0x00]) + bytes([0x80, 0x00]),
    # 5.5: control frames carry at most 125 bytes.
    "long-ping": bytes([0x89, 0x7E, 0x00, 0x7E]) + bytes(126),
    # 5.4: a continuation needs a message to continue.
    "stray-continuation": bytes([0x80, len(_HELLO)]) + _HELLO,
    # 5.4: a new message must not begin inside a fragmented one.
    "interleaved": bytes([0x01, 0x02]) + b"ab" + bytes([0x81, 0x02]) + b"cd",
    # 5.2: the length must use the minimal number of bytes.
    "overlong-length": bytes([0x81, 0x7E, 0x00, len(_HELLO)]) + _HELLO,
    # 5.2: the most significant bit of a 64-bit length must be 0.
    "huge-length": bytes([0x81, 0x7F]) + b"\xff" * 8,
}
"""Bytes by the name in ``rfc=<name>``."""

assert tuple(VIOLATIONS) == RFC_VIOLATIONS
