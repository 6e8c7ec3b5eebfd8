import argparse
import io
import json
import sys
import types
import wave
from importlib.machinery import ModuleSpec

import pytest

from sttkit.cli import main, serve
from sttkit.dialects import dialect_names, load_dialect
from sttkit.dialects.model import Opening, Refusal, Request
from sttkit.errors import UsageError
from sttkit.targets.model import Place
from sttkit.trace import Trace


@pytest.fixture
def wav():
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(3200))
    return made.getvalue()


def hints(dialect, host="127.0.0.1", tls=False, folder=None):
    return serve._hints(load_dialect(dialect), Place(host, 8765, tls=tls), folder)


def test_the_urls_are_those_of_the_dialect():
    text = hints("deepgram")
    assert "ws://127.0.0.1:8765/v1/listen?encoding=linear16&sample_rate=16000" in text
    assert "--data-binary @speech.wav 'http://127.0.0.1:8765/v1/listen'" in text
    assert "curl 'http://127.0.0.1:8765/health'" in hints("custom_stt")


@pytest.mark.parametrize("name", dialect_names())
def test_the_example_of_each_dialect_is_let_in(name):
    from urllib.parse import parse_qs, urlsplit

    dialect = load_dialect(name)
    split = urlsplit(dialect.example)
    query = {key: tuple(values) for key, values in parse_qs(split.query).items()}
    headers = {dialect.key: "Token any-key"} if dialect.key is not None else {}
    assert isinstance(dialect.open(Request("GET", split.path, query, headers)), Opening)


@pytest.mark.parametrize("name", dialect_names())
def test_the_example_of_each_batch_endpoint_is_recognised(name, wav):
    dialect = load_dialect(name)
    if dialect.batch is None or dialect.batch.form == "":
        assert "curl -" not in hints(name)
        return
    headers = {dialect.key: "Token any-key"} if dialect.key is not None else {}
    headers["content-type"], body = "audio/wav", wav
    if dialect.batch.form is not None:
        assert f"-F {dialect.batch.form}=@speech.wav" in hints(name)
        headers["content-type"] = "multipart/form-data; boundary=xx"
        field = f'form-data; name="{dialect.batch.form}"; filename="speech.wav"'
        head = f"--xx\r\nContent-Disposition: {field}\r\n\r\n".encode()
        body = head + wav + b"\r\n--xx--\r\n"
    request = Request("POST", dialect.batch.paths[0], {}, headers, body)
    assert not isinstance(dialect.batch.read(request), Refusal)


def test_a_dialect_over_grpc_has_an_address_and_no_url():
    assert "gRPC        127.0.0.1:8765/nvidia.riva.asr" in hints("nvidia")
    assert "ws://" not in hints("nvidia")


def test_with_tls_it_says_what_to_trust(tmp_path):
    text = hints("custom_stt", tls=True, folder=tmp_path)
    assert "wss://127.0.0.1:8765" in text
    assert f"SSL_CERT_FILE={tmp_path / 'ca.pem'}" in text


@pytest.mark.parametrize(
    ("host", "shown"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("a", "a")]
)
def test_a_url_can_be_used_as_it_stands(host, shown):
    assert f"ws://{shown}:8765" in hints("deepgram", host=host)


@pytest.mark.parametrize(
    ("host", "inside"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("stt.example", False)],
)  # fmt: skip
def test_what_other_machines_can_reach_is_told_from_what_they_cannot(host, inside):
    assert serve._is_loopback(host) is inside


def test_without_trustme_there_is_no_tls(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(UsageError, match=r"pip install 'sttkit\[tls\]'"):
        serve._tls("localhost", tmp_path)


def test_the_journal_prints_what_happens_and_keeps_nothing(capsys):
    trace = Trace(lambda: 1.0)
    journal = serve.Journal(as_json=False, on_broken_pipe=lambda: None)
    journal.follow(trace)
    trace.note("server", "attempt", 0, outcome="accepted")
    trace.note("server", "audio", 0, spans=[["main", 0.0, 0.5, True, False]], bytes=8)
    assert trace.records == []
    journal.close()
    head, attempt, audio = capsys.readouterr().out.splitlines()
    assert head.split() == ["s", "conn", "server"]
    assert attempt.split() == ["0.000", "#0", "attempt"]
    assert audio.split() == ["0.000", "#0", "heard", "0.50", "s", "(0.00–0.50)"]


def test_the_journal_as_json_is_a_record_per_line(capsys):
    trace = Trace(lambda: 1.0)
    serve.Journal(as_json=True, on_broken_pipe=lambda: None).follow(trace)
    trace.note("server", "ping", 0)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["kind"] == "ping"


def test_a_journal_that_nobody_reads_stops_the_server(monkeypatch):
    class Gone:
        def write(self, text):
            raise BrokenPipeError

        def flush(self):
            pass

        def isatty(self):
            return False

    stops = []
    monkeypatch.setattr(sys, "stdout", Gone())
    trace = Trace(lambda: 1.0)
    journal = serve.Journal(as_json=True, on_broken_pipe=lambda: stops.append(True))
    journal.follow(trace)
    trace.note("server", "ping", 0)
    trace.note("server", "ping", 0)
    assert stops == [True]
    assert journal.pipe_is_broken


def test_the_default_port_and_host_are_on_this_machine():
    parser = argparse.ArgumentParser()
    serve.add_to(parser.add_subparsers())
    arguments = parser.parse_args(["serve"])
    assert (arguments.host, arguments.port) == ("127.0.0.1", 8765)


@pytest.mark.parametrize("package", ["pocketsphinx", "soxr"])
def test_without_the_recogniser_installed_one_sentence_says_what_to_do(
    monkeypatch, capsys, package
):
    for name in ("pocketsphinx", "soxr"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        sys.modules[name].__spec__ = ModuleSpec(name, None)
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["serve", "--engine", "pocketsphinx", "--port", "0"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"sttkit: error: the engine pocketsphinx needs the package {package}; "
        "pip install 'sttkit[engine]'"
    )


def test_an_engine_speaks_the_protocol_of_self_hosted_servers_only(capsys):
    assert main(["serve", "--engine", "pocketsphinx", "--dialect", "deepgram"]) == 2
    assert "does not speak deepgram; expected the dialect custom_stt" in capsys.readouterr().err


def test_an_engine_that_there_is_not_is_wrong_usage(capsys):
    assert main(["serve", "--engine", "whisper"]) == 2
    assert "pocketsphinx" in capsys.readouterr().err
