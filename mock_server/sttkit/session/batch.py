"""Plain HTTP on the same port: batch recognition and the health check, over h11.

One request per connection; the recording is recognised by the same recogniser as a stream, so the
answer follows from the audio that arrived.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import h11

from sttkit.audio.locate import Locator
from sttkit.dialects.model import Batch, Refusal, Request
from sttkit.events import Final, Word
from sttkit.faults import Fault, Point
from sttkit.recogniser import Recogniser, Said
from sttkit.session.handshake import RETRY_AFTER_S, phrase_of, request_of
from sttkit.session.recorded import answer_exchange
from sttkit.session.state import State

if TYPE_CHECKING:
    from sttkit.session.connection import Connection

MAX_BODY_BYTES = 64 << 20


class BatchExchange:
    """One HTTP request on a connection, and its answer."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._http = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None
        self._body = bytearray()

    def receive(self, data: bytes) -> None:
        """Bytes of the request."""
        try:
            self._http.receive_data(data)
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return
                if isinstance(event, h11.Request):
                    self._request = event
                    self._expect_continue(event)
                elif isinstance(event, h11.Data):
                    self._body += event.data
                    if len(self._body) > MAX_BODY_BYTES:
                        self._answer(413, {"error": "too large"})
                        return
                elif isinstance(event, h11.EndOfMessage):
                    self._handle()
                    return
                else:
                    return
        except h11.RemoteProtocolError as error:
            self._answer(400, {"error": str(error)})

    def _expect_continue(self, request: h11.Request) -> None:
        if any(name == b"expect" for name, _ in request.headers):
            go_on = self._http.send(h11.InformationalResponse(status_code=100, headers=[]))
            self._connection.emit(go_on or b"")

    def _handle(self) -> None:
        assert self._request is not None
        request = request_of(
            self._request.method.decode("ascii", "replace"),
            self._request.target.decode("ascii", "replace"),
            [(name.decode(), value.decode("latin-1")) for name, value in self._request.headers],
            bytes(self._body),
        )
        if request is None:
            self._answer(400, {"error": "the request target is no URL"})
            return
        self._connection.note_request(request)
        if self._connection.door.refuse_if_told():
            return
        playing = self._connection.line.playing
        if playing is not None:
            part = playing.take_exchange(request)
            if part is None:
                self._answer(404, {"error": "the cassette has no such request"})
            else:
                answer_exchange(self._connection, part)
            return
        dialect = self._connection.line.dialect
        if dialect.health is not None and request.path == dialect.health[0]:
            self._answer(200, dialect.health[1])
        elif dialect.batch is None or request.path not in dialect.batch.paths:
            self._answer(404, dialect.http_error(404, f"nothing at {request.path}"))
        elif request.method != "POST":
            self._answer(405, dialect.http_error(405, f"{request.method} is not allowed"))
        else:
            self._recognise(dialect.batch, request)

    def _recognise(self, batch: Batch, request: Request) -> None:
        connection = self._connection
        line = connection.line
        number = connection.number
        faults = line.plan.due(Point.BATCH, number + 1, number)
        for fault in faults:
            line.note_fault(fault, Point.BATCH, number + 1, number, connection.stream)
        connection.note("point", point=Point.BATCH.value, n=number + 1)
        by_id = {fault.id: fault for fault in faults}
        read = batch.read(request)
        if "batch-http" in by_id:
            status = int(str(by_id["batch-http"].param))
            self._answer(status, line.dialect.http_error(status, phrase_of(status)))
        elif isinstance(read, Refusal):
            self._answer(read.status, line.dialect.http_error(read.status, read.message))
        else:
            self._answer_transcript(batch, request, read, by_id)

    def _answer_transcript(
        self,
        batch: Batch,
        request: Request,
        recording: tuple[bytes, int],
        faults: dict[str, Fault],
    ) -> None:
        final, duration = self._transcribe(*recording)
        body = batch.write(final, duration, request)
        connection = self._connection

        def answer() -> None:
            if connection.state is State.HTTP:
                connection.note("sent", event="final", text=final.text, batch=True)
                self._answer(200, body)

        if "batch-not-json" in faults:
            connection.note("withheld", event="final", text=final.text, batch=True)
            self._answer(200, b"<html><body>Welcome to the hotel network</body></html>")
        elif "batch-cut" in faults:
            connection.note("withheld", event="final", text=final.text, batch=True)
            self._answer(200, body, cut=True)
        elif "batch-slow" in faults:
            connection.later(faults["batch-slow"].seconds, answer)
        else:
            answer()

    def _transcribe(self, pcm: bytes, rate: int) -> tuple[Final, float]:
        connection = self._connection
        line = connection.line
        locator = Locator(line.pcm(rate), rate)
        recogniser = Recogniser(line.tracks)
        spans = [*locator.feed(pcm), *locator.finish()]
        said: list[Said] = []
        for span in spans:
            if span.track is not None and span.exact:
                connection.stream = span.track
            said.extend(item for item in recogniser.hear(span) if isinstance(item, Said))
        said.extend(recogniser.end())
        finals = [item.event for item in said if isinstance(item.event, Final) and item.event.text]
        words: tuple[Word, ...] = tuple(word for final in finals for word in final.words)
        text = " ".join(final.text for final in finals)
        whole = Final(
            text, words[0].start if words else 0.0, words[-1].end if words else 0.0, words
        )
        return whole, round(len(pcm) / 2 / rate, 3)

    def _answer(self, status: int, body: object, *, cut: bool = False) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = b"text/html" if isinstance(body, bytes) else b"application/json"
        headers = [
            (b"Content-Type", kind),
            (b"Content-Length", str(len(data)).encode()),
            (b"Connection", b"close"),
        ]
        retry_after = float(RETRY_AFTER_S) if status == 429 else None
        if retry_after is not None:
            headers.append((b"Retry-After", str(RETRY_AFTER_S).encode()))
        self._connection.note("response", status=status, retry_after=retry_after, batch=True)
        response = h11.Response(
            status_code=status, headers=headers, reason=phrase_of(status).encode()
        )
        out = self._http.send(response) or b""
        out += data[: len(data) // 2] if cut else data
        self._connection.emit(out)
        self._connection.drop("close")
