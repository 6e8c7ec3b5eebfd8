"""A diff tells a JSON message that differs in few places by these places."""

from __future__ import annotations

import json

from sttkit.cassette.changes import diff_lines
from sttkit.cassette.matching import Rules


def said(text: str, **changed: object) -> str:
    words = [{"word": word, "confidence": 0.98} for word in text.split()]
    message = {"text": text, "type": "final", "words": words, "request": {"model": "a"}, **changed}
    return f"  server text {json.dumps(message, sort_keys=True)}"


HELLO = said("hello there friend of mine")
HOW = said("how are you doing today")


def diff(before: list[str], after: list[str]) -> list[str]:
    return diff_lines(before, after, "one", "other", Rules())[3:]


def test_two_long_messages_are_one_line_and_what_differs() -> None:
    other = said("hello there friend of mine", request={"model": "b"})
    assert diff(["x", HELLO], ["x", other]) == [
        " x",
        f"~{HELLO[:99]}…",
        '~    request.model was "a", and is "b"',
    ]


def test_what_differs_in_many_places_or_is_short_is_shown_as_it_is() -> None:
    assert diff([HELLO], [HOW]) == [f"-{HELLO}", f"+{HOW}"]
    short = ['  server text {"end": 2.7}', '  server text {"end": 2.9}']
    assert diff(short[:1], short[1:]) == [f"-{short[0]}", f"+{short[1]}"]
    assert diff(['  x "a'], ['  x ["b']) == ['-  x "a', '+  x ["b']


def test_a_message_is_compared_with_the_one_it_is_most_like() -> None:
    before = [said("hello there friend of mine", type="interim"), HELLO, HOW]
    after = [said("hello there friend of mine", seq=4), said("how are you doing today", seq=5)]
    assert diff(before, after) == [
        f"-{before[0]}",
        f"~{HELLO[:99]}…",
        "~    seq is new: 4",
        f"~{HOW[:99]}…",
        "~    seq is new: 5",
    ]
    assert diff([HELLO, HOW], [HOW]) == [f"-{HELLO}", f" {HOW[:99]}…"]


def test_very_many_changes_take_no_time() -> None:
    before, after = [[said(f"word{n} here", n=n + k) for n in range(400)] for k in (0, 1000)]
    assert len(diff(before, after)) == 800


def test_what_a_cassette_leaves_out_is_not_told() -> None:
    nested = f"  client text {'[' * 5000}"
    assert diff([nested], [nested + "["]) == [f"-{nested}", f"+{nested}["]
    redacted = HELLO.replace('"a"', '"[redacted]"')
    assert diff([redacted], [HELLO]) == [f"-{redacted}", f"+{HELLO}"]
