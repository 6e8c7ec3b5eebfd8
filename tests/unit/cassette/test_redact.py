"""What never reaches a cassette, and what one looks like that may be shown to others."""

from __future__ import annotations

import base64
import json

import pytest

from sttkit import UsageError
from sttkit.cassette.anonymous import Pseudonyms, noise_like
from sttkit.cassette.format import parse
from sttkit.cassette.model import VERSION, Audio, Cassette, Header, Message
from sttkit.cassette.redact import KEY_FORMATS, Redactor, secrets_of
from sttkit.cassette.redacting import redacted
from sttkit.cassette.tape import compiled
from sttkit.cassette.writing import CassetteWriter
from sttkit.trace import REDACTED
from tests.support.caller import SAID
from tests.support.taping import TapedStage

PLANTED = "hunter2-hunter2-hunter2"
EXAMPLES = {
    "an OpenAI key": "sk-proj-abcdefghijklmnop1234",
    "an Anthropic key": "sk-" + "ant-" + "ab12" * 6,
    "a Stripe or ElevenLabs key": "sk_0123456789abcdef0123",
    "an AWS access key": "AKIAIOSFODNN7EXAMPLE",
    "a Google API key": "AIza" + "SyD-1234567" * 3 + "ab",
    "a Google OAuth token": "ya29.a0AfH6SMBx0123456789",
    "a GitHub token": "ghp_" + "a1" * 18,
    "a Slack token": "xoxb-123456789012-abcdef",
    "a Hugging Face token": "hf_" + "aB3" * 11,
    "a Groq key": "gsk_" + "aB3" * 10,
    "a JSON web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "a private key": "-----BEGIN RSA PRIVATE KEY-----",
    "a bearer token": "Bearer 0123456789.abcdefghij",
    "a key in hexadecimal": "0123456789abcdef0123456789abcdef01234567",
}


class Guarded:
    """A cassette written past a guard."""

    def __init__(self, redactor: Redactor, **header: object) -> None:
        self.lines = bytearray()
        self.blob = bytearray()
        made = Header(version=VERSION, **header)  # type: ignore[arg-type]
        self.writer = CassetteWriter(made, self.lines.extend, self.blob.extend, redactor)
        self.one = self.writer.open(0, "wss://user:" + PLANTED + "@api.example.com")

    def read(self) -> Cassette:
        self.writer.settle()
        return parse(bytes(self.lines), blob=bytes(self.blob))


@pytest.mark.parametrize("secret", [PLANTED, *EXAMPLES.values()])
def test_a_planted_key_reaches_no_file_wherever_it_stands(secret: str) -> None:
    guarded = Guarded(Redactor(secrets=(secret,) if secret == PLANTED else ()))
    one = guarded.one
    headers = (("X-Weird", secret), ("Cookie", "a=" + secret), ("Authorization", secret))
    one.request(1, "GET", "/x/" + secret, [("api_key", "short"), ("q", secret)], headers)
    one.response(2, 101, secret, (("Set-Cookie", "x"), ("Server", secret)))
    one.message(3, "client", json.dumps({"deep": [{"note": f"it is {secret}!"}]}))
    one.message(3, "client", json.dumps({"token": "anything", "access_token": "at all"}))
    one.message(4, "server", f"not JSON {secret}", frames=[4, len(secret) + 5])
    one.message(5, "client", b"RIF(" + secret.encode() + b"\x00\x01")
    one.message(5, "server", b"\x00" + secret.encode() + b"\xff")
    one.ping(6, "client", secret.encode()[:120])
    one.close(7, "server", 1008, secret)
    one.end(8, "close", "server")
    cassette = guarded.read()
    everything = bytes(guarded.lines) + bytes(guarded.blob)
    assert secret.encode() not in everything
    assert base64.b64encode(secret.encode())[:12] not in everything
    assert b"at all" not in everything
    assert b"anything" not in everything
    assert b"short" not in everything
    assert len(cassette.entries) == 11
    # Lengths of what is audio are kept.
    audio = next(entry for entry in cassette.entries if isinstance(entry, Audio))
    assert audio.sizes == (len(secret) + 6,)


@pytest.mark.parametrize("kind", KEY_FORMATS)
def test_each_known_format_of_a_key_is_found(kind: str) -> None:
    assert REDACTED in Redactor().text(f"see {EXAMPLES[kind]} there")
    with pytest.raises(UsageError, match="a secret would be written"):
        Redactor().line(b'{"x":"' + EXAMPLES[kind].encode() + b'"}')


@pytest.mark.parametrize(
    "text",
    ["the token of my appreciation", "sk-8", "speak up", "request 5f1c0a", "bearer of bad news"],
)
def test_what_is_no_key_is_left_alone(text: str) -> None:
    assert Redactor().text(text) == text
    Redactor().line(text.encode())


def test_a_private_key_is_removed_with_its_body() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq+/=\nhkiG9w0\n-----END PRIVATE KEY-----"
    assert Redactor().text(f"{{{key}}}") == f"{{{REDACTED}}}"


def test_names_that_mean_secrets_are_known_and_those_that_do_not_are_not() -> None:
    redactor = Redactor(names=frozenset({"ticket"}))
    secret = ["api_key", "apiKey", "X-API-Key", "xi-api-key", "token", "sessionToken", "password"]
    plain = ["language", "keyterm", "keywords", "session_id", "max_tokens", "model", "monkey"]
    assert all(redactor.is_secret_name(name) for name in [*secret, "Ticket"])
    assert not any(redactor.is_secret_name(name) for name in plain)


def test_a_secret_that_stands_where_nothing_can_be_removed_refuses_to_write() -> None:
    with pytest.raises(UsageError, match="a secret would be written"):
        Redactor(secrets=(PLANTED,)).line(b'{"kind":"' + PLANTED.encode())
    quoted = 'a"b\\c' * 4
    with pytest.raises(UsageError, match="a secret would be written"):
        Redactor(secrets=(quoted,)).line(json.dumps({"x": quoted}).encode())


def test_the_environment_says_which_values_are_secret() -> None:
    environment = {
        "DEEPGRAM_API_KEY": "0123456789",
        "MY_TOKEN": "abcdefgh",
        "HOME": "/home/somebody",
        "SSH_AUTH_SOCK": "/tmp/ssh-agent",
        "SHORT_KEY": "abc",
        "EDITOR": "something-long",
    }
    assert set(secrets_of(environment)) == {"0123456789", "abcdefgh"}


def test_nonces_of_the_handshake_do_not_make_recordings_differ() -> None:
    guarded = Guarded(Redactor())
    guarded.one.request(1, "GET", "/", [], (("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),))
    assert b"dGhlIHNhbXBsZSBub25jZQ" not in guarded.lines


def test_mail_and_telephone_are_removed_on_request() -> None:
    said = "write to ann.b@example.co.uk or call +49 (0) 30 1234-567 at 10.30"
    assert Redactor().text(said) == said
    assert Redactor(personal=True).text(said) == "write to [e-mail] or call [phone] at 10.30"


# --- whole cassettes ----------------------------------------------------------------------------


def recorded() -> Cassette:
    stage = TapedStage()
    caller = stage.call()
    caller.speak(until=stage.script.speech.duration)
    caller.end()
    return stage.cassette()


def finals_of(cassette: Cassette) -> list[str]:
    stage = TapedStage(tape=compiled(cassette))
    caller = stage.call()
    caller.speak(until=stage.script.speech.duration)
    caller.end()
    assert stage.line.playing is not None
    assert not stage.line.playing.mismatches
    assert not stage.line.playing.unplayed()
    return caller.finals


@pytest.mark.parametrize("audio", ["keep", "drop", "replace"])
def test_whatever_becomes_of_the_audio_the_cassette_plays_the_same(audio: str) -> None:
    before = recorded()
    after = redacted(before, Redactor(), audio=audio)  # type: ignore[arg-type]
    runs = [[e for e in c.entries if isinstance(e, Audio)] for c in (before, after)]
    assert [(r.sizes, r.gaps_us, r.audio_us) for r in runs[0]] == [
        (r.sizes, r.gaps_us, r.audio_us) for r in runs[1]
    ]
    assert finals_of(after) == [*SAID]
    if audio == "drop":
        assert not after.blob
    elif audio == "replace":
        assert before.blob is not None
        assert after.blob is not None
        assert len(after.blob) == len(before.blob)
        assert after.blob != before.blob
        assert not set(_pieces(after.blob)) & set(_pieces(before.blob))


def _pieces(data: bytes) -> list[bytes]:
    return [data[at : at + 64] for at in range(0, len(data) - 64, 64)]


def test_noise_is_as_loud_as_what_it_replaces() -> None:
    import numpy as np

    loud = (np.sin(np.arange(3200) * 0.3) * 9000).astype("<i2").tobytes()
    quiet = (np.sin(np.arange(3200) * 0.3) * 30).astype("<i2").tobytes()
    noise = np.frombuffer(noise_like(loud + quiet, 16000, seed=1), dtype="<i2").astype(float)
    first, second = (np.sqrt(np.mean(half**2)) for half in (noise[:3200], noise[3200:]))
    assert first == pytest.approx(6364, rel=0.2)
    assert second == pytest.approx(21, rel=0.3)
    assert noise_like(loud, 16000, seed=1) == noise_like(loud, 16000, seed=1)


def test_audio_in_base64_is_replaced_in_its_place() -> None:
    from sttkit.cassette.anonymous import with_audio

    pcm, other = bytes(range(64)), bytes(64)
    message = json.dumps({"type": "append", "audio": base64.b64encode(pcm).decode()})
    changed = with_audio(message, pcm, other)
    assert isinstance(changed, str)
    assert base64.b64decode(json.loads(changed)["audio"]) == other
    assert with_audio("no audio", pcm, other) is None
    assert with_audio(b"head" + pcm, pcm, other) == b"head" + other


def test_pseudonyms_keep_counts_lengths_and_timing() -> None:
    before = recorded()
    after = redacted(before, Redactor(pseudonyms=Pseudonyms()))
    said = finals_of(after)
    assert said != [*SAID]
    assert [list(map(len, text.split())) for text in said] == [
        list(map(len, text.split())) for text in SAID
    ]
    everything = b"".join(after.data_of(e) or b"" for e in after.entries if isinstance(e, Message))
    for word in " ".join(SAID).split():
        assert b'"' + word.encode() not in everything
    assert [e.at_us for e in after.entries] == [e.at_us for e in before.entries]
    assert after.header.transcript == "pseudonyms"


def test_pseudonyms_are_the_same_for_the_same_word_and_keep_its_form() -> None:
    other = Pseudonyms().text("Yes, yes: YES! It's 2024 - a café, no?")
    words = other.replace(",", "").replace(":", "").replace("!", "").split()
    assert words[0].lower() == words[1] == words[2].lower()
    assert words[0][0].isupper()
    assert words[2].isupper()
    assert other[3] == ","
    assert words[4].isdigit()
    assert "café" not in other
    assert len(other) == len("Yes, yes: YES! It's 2024 - a café, no?")


def test_a_recorder_may_replace_the_audio_as_it_writes() -> None:
    stage = TapedStage(audio="replaced")
    caller = stage.call()
    caller.speak(until=1.0)
    cassette = stage.cassette()
    pcm = stage.line.pcm(16000)["main"][:32000]
    assert cassette.blob is not None
    assert len(cassette.blob) == 32000
    assert not set(_pieces(cassette.blob)) & set(_pieces(pcm))


@pytest.mark.parametrize("secret", [PLANTED, *EXAMPLES.values()])
def test_a_key_that_two_messages_of_audio_share_is_removed(secret: str) -> None:
    guarded = Guarded(Redactor(secrets=(secret,) if secret == PLANTED else ()))
    data = b"\0\1" + secret.encode() + b"\2" * (len(secret) % 2)
    middle = len(data) // 4 * 2
    for at_us, part in ((1, data[:middle]), (20_001, data[middle:])):
        guarded.one.message(at_us, "client", part)
    cassette = guarded.read()
    assert secret.encode() not in guarded.blob
    assert len(guarded.blob) == len(data)
    (audio,) = (entry for entry in cassette.entries if isinstance(entry, Audio))
    assert audio.sizes == (middle, len(data) - middle)


@pytest.mark.parametrize(
    "document",
    [
        '{"tok\\u0065n": "anything"}',
        '{"to\u212aen": "anything"}',
        '{"note": "hunter2\\u002dhunter2\\u002dhunter2"}',
        '{"note": "a/b \\u0073k-abcdefghijklmnop1234"}',
        '{"MY_Own": "anything"}',
    ],
)
def test_however_a_document_spells_it_a_secret_is_removed(document: str) -> None:
    guarded = Guarded(Redactor(secrets=(PLANTED,), names=frozenset({"my_own"})))
    guarded.one.message(1, "server", document)
    (message,) = (entry for entry in guarded.read().entries if isinstance(entry, Message))
    (said,) = json.loads(bytes(message.json)).values()  # type: ignore[arg-type]
    assert said.endswith("[redacted]")
