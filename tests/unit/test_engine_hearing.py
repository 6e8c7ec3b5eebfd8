import pytest

from sttkit.engine.endpointing import BEGIN_FRAMES, END_FRAMES, FRAME_S, Endpointer, Turn
from sttkit.engine.hearing import FRAME_BYTES, INTERIM_FRAMES, SEGMENT_FRAMES, Hearing
from sttkit.engine.resampling import resampler
from sttkit.events import Final, Interim, SpeechEnded, SpeechStarted, Usage
from tests.support.made_up import RATE, Loudness, Model, is_speech, said, silence


def hear_all(pcm, *, hearing=None):
    hearing = hearing or Model().open(RATE)
    return hearing.hear(pcm) + hearing.end()


def finals(events):
    return [event.text for event in events if isinstance(event, Final)]


# --- endpointing --------------------------------------------------------------------------------


def turns(*runs):
    endpointer = Endpointer()
    told = [endpointer.feed(spoken) for spoken, count in runs for _ in range(count)]
    return endpointer, told


def test_a_click_is_no_utterance():
    _, told = turns((False, 20), (True, 3), (False, 40))
    assert set(told) == {Turn.NOTHING}


def test_an_utterance_begins_at_its_first_frame_of_speech_though_it_is_noticed_later():
    endpointer, told = turns((False, 20), (True, 8))
    assert told.index(Turn.BEGAN) == 26
    assert endpointer.speech_start == 20


def test_an_utterance_ends_behind_its_last_frame_of_speech_though_it_is_noticed_later():
    endpointer, told = turns((True, 30), (False, END_FRAMES))
    assert Turn.ENDED in told
    assert endpointer.speech_end == 30
    assert not endpointer.in_speech


def test_a_pause_between_words_ends_nothing():
    _, told = turns((True, 20), (False, 8), (True, 20))
    assert told.count(Turn.BEGAN) == 1
    assert Turn.ENDED not in told


def test_what_was_before_the_end_does_not_begin_the_next_utterance():
    _, told = turns((True, 30), (False, END_FRAMES), (True, BEGIN_FRAMES - 4))
    assert told.count(Turn.BEGAN) == 1


# --- hearing ------------------------------------------------------------------------------------


def test_an_utterance_is_started_guessed_at_finished_and_ended():
    events = hear_all(silence(0.6) + said("one two three"))
    assert [type(event) for event in events] == [
        SpeechStarted, Interim, Interim, Interim, Final, SpeechEnded, Usage, Usage
    ]  # fmt: skip
    assert events[0].at == 0.6
    assert [event.text for event in events[1:4]] == ["one", "one two", "one two three"]
    assert events[4].text == "one two three"
    assert events[4].endpoint
    assert events[4].confidence == 0.8


def test_words_stand_where_they_were_said():
    (final,) = [e for e in hear_all(silence(1.2) + said("one two")) if isinstance(e, Final)]
    assert [(w.text, w.start, w.end) for w in final.words] == [
        ("one", 1.2, 1.5), ("two", 1.56, 1.86)
    ]  # fmt: skip
    assert (final.start, final.end) == (1.2, 1.86)


def test_two_utterances_are_two_finals_and_times_go_on():
    events = hear_all(said("one two") + said("three four"))
    assert finals(events) == ["one two", "three four"]
    first, second = [e for e in events if isinstance(e, Final)]
    assert second.start == pytest.approx(first.end + 0.06 + 0.9)


def test_words_right_behind_an_endpoint_stand_where_they_were_said():
    events = hear_all(silence(0.9) + said("one two", pause=0.45) + said("three four"))
    first, second = [e for e in events if isinstance(e, Final)]
    assert first.text == "one two"
    assert [(w.text, w.start) for w in second.words] == [("three", 2.07), ("four", 2.43)]


def test_an_interim_says_something_new():
    events = hear_all(said("one", word_s=3.0))
    assert len([e for e in events if isinstance(e, Interim)]) == 1


def test_a_flush_in_mid_word_fixes_what_was_heard_and_the_utterance_goes_on():
    pcm = said("one two three four")
    cut = round(0.5 * RATE) * 2  # in the middle of "two"
    hearing = Model().open(RATE)
    before = hearing.hear(pcm[:cut])
    flushed = hearing.finalize()
    after = hearing.hear(pcm[cut:]) + hearing.end()
    assert finals(before) == []
    assert finals(flushed) == ["one two"]
    (final,) = flushed
    assert isinstance(final, Final)
    assert final.from_flush
    assert not final.endpoint
    assert finals(after) == ["two three four"]  # the other half of the word is heard again
    assert not [e for e in after if isinstance(e, SpeechStarted)]
    assert len([e for e in after if isinstance(e, SpeechEnded)]) == 1


def test_a_flush_in_silence_says_nothing():
    hearing = Model().open(RATE)
    hearing.hear(silence(1.0))
    assert hearing.finalize() == []
    hearing.hear(said("one two"))
    assert hearing.finalize() == []


def test_a_second_flush_says_nothing_twice():
    hearing = Model().open(RATE)
    hearing.hear(said("one two", pause=0.0))
    assert finals(hearing.finalize()) == ["one two"]
    assert hearing.finalize() == []


def test_the_end_of_the_audio_ends_the_utterance():
    events = hear_all(said("one two", pause=0.0)[: -FRAME_BYTES // 3])
    assert finals(events) == ["one two"]
    assert isinstance(events[-2], SpeechEnded)


def test_speech_without_words_is_started_and_ended_but_says_nothing():
    class Deaf(Loudness):
        def feed(self, frame):
            super().feed(bytes(len(frame)))

    events = hear_all(said("one two"), hearing=Hearing(Deaf(), is_speech, resampler(RATE)))
    assert [type(event) for event in events] == [SpeechStarted, SpeechEnded, Usage, Usage]


def test_silence_is_not_decoded():
    decoder = Loudness()
    hear_all(silence(60.0), hearing=Hearing(decoder, is_speech, resampler(RATE)))
    assert decoder.fed == 0


def test_an_endless_utterance_becomes_several_finals():
    pcm = said(" ".join(["one two"] * 60), pause=0.0)  # 43 s
    events = hear_all(pcm)
    assert len(finals(events)) == 1 + int(len(pcm) / 2 / RATE / (SEGMENT_FRAMES * FRAME_S))
    assert len([e for e in events if isinstance(e, SpeechStarted)]) == 1
    assert INTERIM_FRAMES < SEGMENT_FRAMES


def test_usage_counts_what_was_heard():
    events = hear_all(silence(2.1))
    assert events == [Usage(2.1)]
