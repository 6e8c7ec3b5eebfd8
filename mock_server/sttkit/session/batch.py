"""Plain HTTP on the same port: batch recognition and the health check, over h11.

One request per connection; the recording is recognised by the same recogniser as a stream, so the
answer follows from the audio that arrived. An engine takes its time, and is asked piece by piece.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

import h11

from sttkit.audio.locate import Locator
from sttkit.dialects.model import Batch, Refusal, Request
from sttkit.events import Final, Word
from sttkit.faults import Fault, Point
from sttkit.recogniser import Recogniser, Said
from sttkit.session.ear import pieces
from sttkit.session.engine import Answer, Begin, End, Engine, Failure, Hear
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
        engine = connection.line.engine
        self._most = MAX_BODY_BYTES if engine is None else engine.limits.body_bytes
        self.is_reading = True
        """Whether the request is still on its way."""

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
                    if len(self._body) > self._most:
                        self._refuse(413, f"more than {self._most} bytes")
                        return
                elif isinstance(event, h11.EndOfMessage):
                    self._handle()
                    return
                else:
                    return
        except h11.RemoteProtocolError as error:
            self._refuse(400, str(error))

    def _expect_continue(self, request: h11.Request) -> None:
        if any(name == b"expect" for name, _ in request.headers):
            go_on = self._http.send(h11.InformationalResponse(status_code=100, headers=[]))
            self._connection.emit(go_on or b"")

    def _handle(self) -> None:
        self.is_reading = False
        assert self._request is not None
        request = request_of(
            self._request.method.decode("ascii", "replace"),
            self._request.target.decode("ascii", "replace"),
            [(name.decode(), value.decode("latin-1")) for name, value in self._request.headers],
            bytes(self._body),
        )
        if request is None:
            self._refuse(400, "the request target is no URL")
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
        engine = self._connection.line.engine
        if dialect.health is not None and request.path == dialect.health[0]:
            loading = engine is not None and not engine.is_loaded
            self._answer(200, dialect.health_loading if loading else dialect.health[1])
        elif request.path in dialect.steps:
            said = dialect.steps[request.path](request)
            if isinstance(said, Refusal):
                self._refuse(said.status, said.message)
            else:
                self._answer(200, said)
        elif dialect.batch is None or request.path not in dialect.batch.paths:
            self._refuse(404, f"nothing at {request.path}")
        elif request.method != "POST":
            self._refuse(405, f"{request.method} is not allowed")
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
            self._refuse(status, phrase_of(status))
        elif isinstance(read, Refusal):
            self._refuse(read.status, read.message)
        elif line.engine is not None:
            self._ask(line.engine, batch, request, read, by_id)
        else:
            self._answer_transcript(batch, request, read, self._transcribe(*read), by_id)

    def _ask(
        self,
        engine: Engine,
        batch: Batch,
        request: Request,
        recording: tuple[bytes, int],
        faults: dict[str, Fault],
    ) -> None:
        pcm, rate = recording
        options = {key: values[0] for key, values in request.query.items() if values}
        if not engine.is_loaded:
            self._refuse(503, "the model is being loaded, try again")
        elif objection := engine.objection({**options, "sample_rate": rate}):
            self._refuse(400, objection)
        elif len(pcm) / 2 / rate > engine.limits.recording_s:
            self._refuse(413, f"more than {engine.limits.recording_s:g} s of audio")
        else:
            finals: list[Final] = []

            def collect(answer: Answer, last: bool = False) -> None:
                if self._connection.state is not State.HTTP:
                    return
                if answer.failure is not None:
                    self._fail(answer.failure)
                    return
                finals.extend(event for event in answer.events if isinstance(event, Final))
                if last:
                    whole = _whole(finals)
                    self._answer_transcript(batch, request, recording, whole, faults)

            ask = self._connection.ask
            ask(Begin(rate), collect)
            for piece in pieces(pcm, rate):
                ask(Hear(piece), collect)
            ask(End(), lambda answer: collect(answer, last=True))

    def _fail(self, failure: Failure) -> None:
        self._connection.note("engine-failed", reason=failure.text)
        self._refuse(503 if failure.kind == "busy" else 500, failure.text)

    def _answer_transcript(
        self,
        batch: Batch,
        request: Request,
        recording: tuple[bytes, int],
        final: Final,
        faults: dict[str, Fault],
    ) -> None:
        pcm, rate = recording
        seconds = round(len(pcm) / 2 / rate, 3)
        body = batch.write(final, seconds, request)
        connection = self._connection

        def answer() -> None:
            if connection.state is State.HTTP:
                connection.note("sent", event="final", text=final.text, batch=True)
                self._answer(200, body)

        if "batch-empty" in faults:
            connection.note("withheld", event="final", text=final.text, batch=True)
            self._answer(200, batch.write(_whole(()), seconds, request))
        elif "batch-not-json" in faults:
            connection.note("withheld", event="final", text=final.text, batch=True)
            self._answer(200, b"<html><body>Welcome to the hotel network</body></html>")
        elif "batch-cut" in faults:
            connection.note("withheld", event="final", text=final.text, batch=True)
            self._answer(200, body, cut=True)
        elif "batch-slow" in faults:
            connection.later(faults["batch-slow"].seconds, answer)
        else:
            answer()

    def _transcribe(self, pcm: bytes, rate: int) -> Final:
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
        return _whole(item.event for item in said if isinstance(item.event, Final))

    def _refuse(self, status: int, message: str) -> None:
        self._answer(status, self._connection.line.dialect.http_error(status, message))

    def _answer(self, status: int, body: object, *, cut: bool = False) -> None:
        self.is_reading = False
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = b"text/html" if isinstance(body, bytes) else b"application/json"
        headers = [
            (b"Content-Type", kind),
            (b"Content-Length", str(len(data)).encode()),
            (b"Connection", b"close"),
        ]
        told = status == 429 or (status == 503 and self._connection.line.engine is not None)
        retry_after = float(RETRY_AFTER_S) if told else None
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


def _whole(finals: Iterable[Final]) -> Final:
    """What a whole recording says."""
    segments = tuple(final for final in finals if final.text)
    words: tuple[Word, ...] = tuple(word for final in segments for word in final.words)
    confidences = [final.confidence for final in segments] or [0.0]
    return Final(
        " ".join(final.text for final in segments),
        words[0].start if words else 0.0,
        words[-1].end if words else 0.0,
        words,
        sum(confidences) / len(confidences),
        segments=segments,
    )
