"""Driving the plugin under test, or a client of one's own."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]


def test_transcribe_drives_the_plugin_and_tells_what_came_out(project):
    project.makepyfile(
        """
        import pytest
        from sttkit import faults, script, speech
        from sttkit.laws.model import ConnOptions

        def test_it(stt_server, transcribe):
            stt_server.play(script(
                speech("hello there", "how are you"), faults.reset(at="between-utterances")
            ))
            heard = transcribe()
            assert heard.finals == ["hello there", "how are you"]
            assert "hello" in heard.interims
            assert [failure.recoverable for failure in heard.errors] == [True]
            assert heard.errors[0].type == "APIConnectionError"
            assert heard.exception is None
            assert heard.attempts == 2
            assert sum(metric["audio_duration"] for metric in heard.metrics) > 2
            assert heard.events[0]["type"] == "start_of_speech"
            assert heard.trace is stt_server.trace
            assert stt_server.unfired == ()
            heard.check("RETRY-1", "ORDER-3")
            heard.assert_laws()

        @pytest.mark.stt_script("http=503@connecting:each")
        def test_an_end_by_an_exception(transcribe):
            heard = transcribe(conn=ConnOptions(max_retry=0))
            assert heard.exception.facts["api"]
            assert heard.finals == []
            with pytest.raises(AssertionError, match="^AUDIO-3 .must.: not exercised"):
                heard.check("RETRY-2", "AUDIO-3")
            heard.assert_laws("RETRY-2", "AUDIO-3")

        @pytest.mark.stt_script("batch-http=503@batch")
        def test_a_recording(transcribe):
            assert transcribe().finals == ["hello there friend how are you today"]
        """
    )
    project.runpytest().assert_outcomes(passed=3)


def test_in_an_async_test_the_plugin_is_driven_on_its_loop(project):
    pytest.importorskip("pytest_asyncio")
    project.makepyfile(
        """
        import pytest
        from sttkit import UsageError

        @pytest.mark.stt_script("none@idle")
        async def test_it(transcribe):
            with pytest.raises(UsageError, match="await transcribe.here"):
                transcribe()
            heard = await transcribe.here(pace=0)
            assert heard.finals == ["hello there friend", "how are you today"]
        """
    )
    project.runpytest().assert_outcomes(passed=1)


def test_options_come_from_the_fixture_and_from_the_call(project):
    project.makepyfile(
        """
        import pytest
        from sttkit.laws.model import ConnOptions
        from sttkit.pytest_plugin import SttOptions

        @pytest.fixture
        def stt_options():
            return SttOptions(conn=ConnOptions(max_retry=1, retry_interval=0.1), pace=0)

        @pytest.mark.stt_script("http=503@connecting:each")
        def test_it(transcribe):
            heard = transcribe()
            assert heard.attempts == 2
            assert heard.run.options.max_retry == 1
            assert transcribe(conn=ConnOptions(max_retry=0)).attempts == 1
        """
    )
    project.runpytest().assert_outcomes(passed=1)


def test_transcribe_without_anything_to_play_says_what_to_do(project):
    project.makepyfile("def test_it(transcribe):\n    transcribe()\n")
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*nothing is played yet; expected stt_server.play(*"])


def test_an_own_client_finds_the_server_while_it_listens(project):
    pytest.importorskip("pytest_asyncio")
    project.makepyfile(
        """
        import asyncio
        import pytest
        from client import talk
        from sttkit import UsageError

        pytestmark = pytest.mark.stt_script("none@idle")
        SAID = ["hello there friend", "how are you today"]

        def test_plain(stt_server):
            with stt_server.listening() as place:
                assert stt_server.place == place
                assert stt_server.url == place.http
                assert talk(place, stt_server.pcm()) == SAID
            assert [r.kind for r in stt_server.trace][0] == "attempt"
            with pytest.raises(UsageError, match="the server does not listen"):
                stt_server.url

        async def test_async(stt_server):
            async with stt_server.listening() as place:
                said = await asyncio.to_thread(talk, place, stt_server.pcm())
            assert said == SAID
            with pytest.raises(UsageError, match="async with"):
                with stt_server.listening():
                    pass
        """
    )
    project.runpytest().assert_outcomes(passed=2)
