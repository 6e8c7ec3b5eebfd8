"""However a client's bytes are cut, all of them are passed on, rewritten in the same places."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from sttkit.proxy.heads import Requests, Upstream, readdressed

UPSTREAM = Upstream.parse("http://up.example/v1")
PLAIN = b"GET /a HTTP/1.1\r\nHost: here\r\n\r\n"
SIZED = b"POST /b HTTP/1.1\r\nHost: here\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n"
CHUNKED = (
    b"POST /c HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nGET /\r\n3;x=y\r\nabc\r\n0\r\nTrailer: t\r\n\r\n"
)
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\n\r\n\x81\x85GET / HTTP/1.1\r\n\r\n"
)


def sent(pieces: list[bytes]) -> bytes:
    requests = Requests(partial(readdressed, upstream=UPSTREAM))
    passed = b"".join(said for piece in pieces for _, said in requests.receive(piece))
    return passed + requests.rest()


def heard(pieces: list[bytes]) -> bytes:
    requests = Requests()
    passed = b"".join(noted for piece in pieces for noted, _ in requests.receive(piece))
    return passed + requests.rest()


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in at)})
    return [data[a:b] for a, b in pairwise(places)]


@given(
    st.lists(st.sampled_from((PLAIN, SIZED, CHUNKED)), max_size=4),
    st.sampled_from((b"", UPGRADE, b"\x16\x03\x01 no HTTP", b"POST /unfinished HT")),
    st.lists(st.integers(0, 10_000)),
)
@example([], b"something else", [1])
def test_requests_are_found_wherever_the_bytes_are_cut(
    whole: list[bytes], last: bytes, at: list[int]
) -> None:
    data = b"".join(whole) + last
    expected = data
    for path in (b"/a", b"/b", b"/c", b"/ws"):
        expected = expected.replace(b" " + path + b" HTTP", b" /v1" + path + b" HTTP")
    expected = expected.replace(b"Host: here", b"Host: up.example")
    assert sent(cut(data, at)) == expected
    assert heard(cut(data, at)) == data


@given(st.binary(max_size=200), st.lists(st.integers(0, 200)))
def test_what_is_no_request_passes_unchanged(data: bytes, at: list[int]) -> None:
    if not data.startswith((b"GET ", b"POST ", b"PUT ", b"PATCH ", b"DELETE ", b"HEAD ")):
        assert sent(cut(data, at)) == data
