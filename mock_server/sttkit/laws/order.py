"""ORDER, first half: which transcripts come, in which order, and what is in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from sttkit.laws.batch import words_are_those_answered
from sttkit.laws.finals import delivered_as_owed, difference, items_of, told_as
from sttkit.laws.judging import count, overall, secs
from sttkit.laws.model import (
    Judgement,
    Law,
    Run,
    Verdict,
    broken,
    passed,
    unclear,
    unexercised,
    warned,
)
from sttkit.laws.streams import FINAL, INTERIM, TRANSCRIPTS, Stream, text_of
from sttkit.laws.words import Words, quoted, words_of
from sttkit.trace import Record


def each_stream_in_order(run: Run, judge: Callable[[Run, Stream], Judgement]) -> Judgement:
    """The verdict over all streams; not where the server said things in a false order itself."""
    judged = overall(
        (judge(run, stream) for stream in run.history.streams), otherwise="no stream was opened"
    )
    if judged.verdict is Verdict.FAIL and run.history.lies("order"):
        return unclear("the script made the server reorder its messages")
    return judged


def event_name(kind: str) -> str:
    """An event's type, as applications write it."""
    return kind.upper()


def finals_come_once_in_order(run: Run) -> Judgement:
    if run.history.of("batch"):
        return words_are_those_answered(run)
    return each_stream_in_order(run, _once_in_order)


def _once_in_order(run: Run, stream: Stream) -> Judgement:
    items = items_of(run, stream)
    if not stream.finals and not any(item.owed for item in items):
        return unexercised("the server sent no final that had to arrive")
    if delivered_as_owed(run, stream):
        return passed()
    owed = quoted(word for item in items if item.owed for word in item.texts[0])
    return broken(f"the server's finals {owed}", difference(run, stream))


def no_interim_after_its_final(run: Run) -> Judgement:
    return each_stream_in_order(run, _no_late_interim)


def _no_late_interim(run: Run, stream: Stream) -> Judgement:
    interims = [r for r in stream.transcripts if r.data["type"] == INTERIM]
    if not interims or not stream.finals:
        return unexercised("there was no interim, or no final")
    order = run.history.order
    for interim in interims:
        words = words_of(text_of(interim))
        over = next(
            (
                final
                for final in stream.finals
                if order(final) < order(interim) and set(words) <= set(words_of(text_of(final)))
            ),
            None,
        )
        if over is not None and not _said_again(run, stream, interim, over):
            observed = f"the interim {quoted(words)} {secs(interim.at - over.at)} after its final"
            return broken("no interim of a segment after its final", observed, interim.at)
    return passed()


def _said_again(run: Run, stream: Stream, interim: Record, final: Record) -> bool:
    """Whether the server itself said it after the final: it heard the audio twice, or sent the
    final twice, of which a plugin may make both again.
    """
    order = run.history.order
    words = set(words_of(text_of(interim)))
    since = order(final)
    for record in stream.sent:
        if record.data.get("event") == "final" and words <= set(words_of(text_of(record))):
            since = min(since, order(record))
    told = [
        (record.data.get("event"), set(words_of(text_of(record))))
        for record in stream.sent
        if order(record) > since
    ]
    return any(
        (event == "interim" and said == words) or (event == "final" and words <= said)
        for event, said in told
    )


def interims_are_the_servers_words(run: Run) -> Judgement:
    return each_stream_in_order(run, _says_as_the_server)


def _says_as_the_server(run: Run, stream: Stream) -> Judgement:
    """No interim has a word more often than the server said it, each of its sessions once."""
    interims = [r for r in stream.transcripts if r.data["type"] != FINAL]
    if not interims:
        return unexercised("there was no interim")
    if run.history.unassigned:
        return unexercised("not all that the server said to this stream is known")
    # Of pieces of a segment, one too few or too many makes other words of the rest.
    unsound = any(c.of("injected") or c.of("withheld") for c in stream.connections)
    if unsound or any(r.data.get("duplicate") for r in stream.sent):
        return unexercised("a message was kept back, slipped in or sent twice")
    said = _Said()
    for record in sorted((*stream.sent, *interims), key=run.history.order):
        words = _counted(words_of(text_of(record)))
        if record.kind == "sent":
            said.add(record, words)
            continue
        for word, times in words.items():
            if times > said.often[word]:
                expected = f"{quoted([word])} {count(said.often[word], 'time')}, as the server said"
                observed = f"{event_name(record.data['type'])} {quoted(words_of(text_of(record)))}"
                return broken(expected, observed, record.at)
    return passed()


def _counted(words: Words) -> Mapping[str, int]:
    """How often each word occurs: nearly always once."""
    once = dict.fromkeys(words, 1)
    return once if len(once) == len(words) else Counter(words)


class _Said:
    """How often each word may be repeated: in each session as often as in one message of it.

    Messages of a segment repeat each other, so they are not added up.
    """

    def __init__(self) -> None:
        self.often: Counter[str] = Counter()
        self._at_once: Counter[tuple[int | None, str]] = Counter()

    def add(self, message: Record, words: Mapping[str, int]) -> None:
        for word, times in words.items():
            more = times - self._at_once[message.conn, word]
            if more > 0:
                self.often[word] += more
                self._at_once[message.conn, word] = times


def no_empty_finals(run: Run) -> Judgement:
    events = [r for stream in run.history.streams for r in stream.events_of(FINAL)]
    for event in events:
        if not text_of(event).strip():
            return broken("finals with text", "an empty final", event.at)
    if events or any(
        r.data.get("event") == "final" and not text_of(r)
        for stream in run.history.streams
        for r in stream.sent
    ):
        return passed()
    return unexercised("there was no final")


def events_are_well_formed(run: Run) -> Judgement:
    events = [r for stream in run.history.streams for r in stream.events]
    for event in events:
        kind, data = event.data["type"], event.data
        if kind in TRANSCRIPTS and not data.get("alternatives"):
            return broken("at least one alternative", f"{event_name(kind)} without any", event.at)
        if kind == "recognition_usage" and data.get("usage_s") is None:
            return broken("a usage in RECOGNITION_USAGE", "none", event.at)
        named = run.facts.names_language and words_of(text_of(event))
        if kind in TRANSCRIPTS and named and not data.get("language"):
            return broken("the language that the server names", "none", event.at)
    for stream in run.history.streams:
        lost = _final_without_words(stream)
        if lost is not None:
            return warned("words with their times, as in finals before", "none", lost.at)
    return passed() if events else unexercised("there was no event")


def _final_without_words(stream: Stream) -> Record | None:
    """The first of the server's finals that lacks its single words after one that had them."""
    have = False
    for final in stream.finals:
        told = told_as(stream, final)
        if final.data.get("words"):
            have = True
        elif have and told is not None and not told.data.get("after_end"):
            return final
    return None


LAWS = (
    Law(
        "ORDER-3",
        "must",
        "The server's finals arrive in its order, each exactly once: none lost, doubled or "
        "invented. Finals may be joined or split, and a cut utterance's interim may become one. "
        "recognize() returns the words of the server's answer, all of them and no others.",
        "Finals are the conversation: a lost one is a sentence the agent never heard, a doubled "
        "one is answered twice.",
        "The words of the finals that the server sent, or answered a recording with, against "
        "those delivered, case and punctuation aside.",
        finals_come_once_in_order,
    ),
    Law(
        "ORDER-4",
        "must",
        "No interim of a segment follows its final.",
        "The user interface, or the agent, would take the segment for new speech.",
        "Interims whose words all stand in a final delivered before, unless the server said them "
        "again.",
        no_interim_after_its_final,
    ),
    Law(
        "ORDER-6",
        "should",
        "There are no finals without text.",
        "Each starts a turn with nothing to answer.",
        "The text of every final.",
        no_empty_finals,
    ),
    Law(
        "ORDER-7",
        "must",
        "Every event is well-formed: transcripts carry an alternative, RECOGNITION_USAGE carries "
        "usage, and the language is set where the provider names it. Finals that come with their "
        "single words should do so in each session.",
        "Applications index into these fields; a missing one is an exception in their code.",
        "The fields of every event.",
        events_are_well_formed,
    ),
    Law(
        "ORDER-10",
        "must",
        "Interims say what the server said, no word doubled or invented.",
        "They are shown to the caller, and an agent is interrupted, or begins its answer, by them.",
        "The words of each interim and preflight, against how often the server had said them: once "
        "more for each session that heard them; not where a message was kept back, slipped in or "
        "sent twice.",
        interims_are_the_servers_words,
    ),
)
