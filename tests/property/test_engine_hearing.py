"""What an engine says depends on the audio alone."""

from hypothesis import given
from hypothesis import strategies as st

from sttkit.engine.hearing import Hearing
from sttkit.events import Final, Interim, SpeechEnded, SpeechStarted, Transcript
from tests.support.audio import chunks
from tests.support.made_up import RATE, WORDS, Model, said, silence

texts = st.lists(st.sampled_from(WORDS[:5]), min_size=1, max_size=4).map(" ".join)
talks = st.lists(
    st.one_of(
        st.builds(said, texts, pause=st.sampled_from([0.0, 0.3, 0.9])),
        st.floats(0.0, 1.2).map(silence),
    ),
    max_size=4,
).map(b"".join)
cuts = st.lists(st.integers(1, 20_000).map(lambda n: 2 * n), max_size=30)


def heard(pcm, sizes, rate=RATE):
    hearing: Hearing = Model().open(rate)
    events = [event for piece in chunks(pcm, sizes) for event in hearing.hear(piece)]
    return events + hearing.end()


@given(talks, cuts)
def test_it_does_not_matter_how_the_audio_is_cut(pcm, sizes):
    assert heard(pcm, sizes) == heard(pcm, [])


@given(talks, st.lists(st.integers(0, 80_000), max_size=5))
def test_a_flush_at_any_time_loses_no_word_and_breaks_no_order(pcm, flushes):
    hearing = Model().open(RATE)
    events = []
    at = 0
    for cut in sorted(flushes):
        events += hearing.hear(pcm[at : max(at, 2 * cut)]) + hearing.finalize()
        at = max(at, 2 * cut)
    events += hearing.hear(pcm[at:]) + hearing.end()
    unflushed = " ".join(e.text for e in heard(pcm, []) if isinstance(e, Final)).split()
    flushed = " ".join(e.text for e in events if isinstance(e, Final)).split()
    once = [word for word, before in zip(flushed, [None, *flushed], strict=False) if word != before]
    assert once == [w for w, b in zip(unflushed, [None, *unflushed], strict=False) if w != b]
    in_speech = False
    latest = 0.0
    for event in events:
        if isinstance(event, SpeechStarted | SpeechEnded):
            assert isinstance(event, SpeechStarted) is not in_speech
            in_speech = not in_speech
        if isinstance(event, Transcript):
            assert in_speech
            assert event.text
            assert event.end >= event.start >= 0
        if isinstance(event, Final):
            assert event.start >= latest - 1e-9
            latest = event.end
        elif isinstance(event, Interim):
            assert event.start >= latest - 1e-9
    assert not in_speech
