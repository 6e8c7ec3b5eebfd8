"""The pytest plugin, seen from the projects that use it: pytest run in pytest.

Scripts are met by a client of the test's own wherever the plugin under test does not matter: that
takes no real time.
"""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from sttkit import faults, script, speech
from sttkit.scripting.yaml import dump_script, load_script

pytest_plugins = ["pytester"]

CLIENT = """
import json
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

def talk(place, pcm=b""):
    said = []
    with connect(place.ws + "/ws/transcribe", proxy=None) as ws:
        ws.send(json.dumps({"type": "config", "sample_rate": 16000}))
        try:
            for start in range(0, len(pcm), 640):
                ws.send(pcm[start : start + 640])
            ws.send(json.dumps({"type": "end_of_stream"}))
            for message in ws:
                said.append(json.loads(message))
        except ConnectionClosed:
            pass
    return [message["text"] for message in said if message["type"] == "final"]
"""

# Hypothesis' own plugin costs a second in each run that does not use it.
INI = "[pytest]\naddopts = -p no:hypothesispytest\n"
ASYNC_INI = INI + "asyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"


@pytest.fixture(scope="session")
def imported() -> None:
    """What must not be imported anew by each run in this process: extension modules cannot be."""
    for module in (
        "livekit.agents",
        "livekit.plugins.custom_stt",
        "sttkit.conformance.timeline",
        "sttkit.laws",
        "sttkit.scripting.yaml",
        "sttkit.worlds.loopback",
        "websockets.sync.client",
    ):
        import_module(module)


@pytest.fixture
def project(imported, pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a client of its own."""
    pytester.makepyfile(client=CLIENT)
    pytester.makeini(ASYNC_INI)
    return pytester


# -- what is played ------------------------------------------------------------------------------


def test_a_script_a_file_yaml_text_and_a_case_id_are_all_played(project):
    project.path.joinpath("a.yaml").write_text("sttkit: 1\nspeech: [{say: from a file}]\n")
    project.makepyfile(
        """
        from pathlib import Path
        from client import talk
        from sttkit import script, speech
        import pytest

        @pytest.mark.parametrize("what, said", [
            (script(speech("by hand")), "by hand"),
            ("a.yaml", "from a file"),
            (Path("a.yaml"), "from a file"),
            ("sttkit: 1\\nspeech: [{say: as text}]", "as text"),
            ("none@idle", "hello there friend"),
        ])
        def test_it(stt_server, what, said):
            played = stt_server.play(what)
            assert played == stt_server.script
            with stt_server.listening() as place:
                assert talk(place, stt_server.pcm())[0] == said
        """
    )
    project.runpytest().assert_outcomes(passed=5)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ('"nowhere.yaml"', "*no script file 'nowhere.yaml'*looked for *nowhere.yaml*"),
        ('"rest@idle"', "*unknown fault 'rest'*did you mean 'reset'?*"),
        ("42", "*42 is nothing that can be played*a Script, *"),
        ('"sttkit: 1\\nspeach: []"', "*unknown key 'speach'*"),
    ],
)
def test_what_cannot_be_played_is_said_where_it_is_played(project, what, message):
    project.makepyfile(f"def test_it(stt_server):\n    stt_server.play({what})\n")
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([message])


def test_a_seed_belongs_to_a_case_id(project):
    project.makepyfile(
        """
        import pytest
        from sttkit import UsageError, script, speech

        def test_it(stt_server):
            assert stt_server.play("none@idle", seed=7).seed == 7
            with pytest.raises(UsageError, match="a seed for a script that has its own"):
                stt_server.play(script(speech("hello")), seed=7)
        """
    )
    project.runpytest().assert_outcomes(passed=1)


def test_the_marker_plays_before_the_test_and_the_nearest_one_wins(project):
    project.makepyfile(
        """
        import pytest
        from sttkit import script, speech

        @pytest.mark.stt_script("none@idle")
        class TestIt:
            def test_of_the_class(self, stt_server):
                assert stt_server.script.speech.utterances[0].text == "hello there friend"

            @pytest.mark.stt_script(script(speech("my own")))
            def test_of_its_own(self, stt_server):
                assert stt_server.script.speech.utterances[0].text == "my own"

            @pytest.mark.stt_script("reset@idle", seed=3, allow_unfired=True)
            def test_with_more(self, stt_server):
                assert stt_server.script.seed == 3
        """
    )
    project.runpytest("--strict-markers").assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("stt_script()", "*stt_script: wrong arguments; expected one script*"),
        ('stt_script("reset@idle", sead=1)', "*stt_script: wrong arguments*"),
        ('stt_script("reset@idel")', "*stt_script: *unknown point 'idel'*"),
        ("stt_plugin()", "*stt_plugin: wrong arguments; expected one target*"),
    ],
)
def test_a_marker_with_wrong_arguments_is_an_error_of_its_test_alone(project, marker, message):
    project.makepyfile(
        f"""
        import pytest

        @pytest.mark.{marker}
        def test_it(stt_server):
            pass

        def test_another(stt_server):
            pass
        """
    )
    result = project.runpytest()
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_marker_that_would_play_nothing_is_an_error(project):
    project.makepyfile(
        """
        import pytest

        @pytest.mark.stt_script("none@idle")
        def test_it():
            pass
        """
    )
    result = project.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*asks for neither `transcribe` nor `stt_server`*"])


# -- faults that never happen --------------------------------------------------------------------


def test_a_passing_test_whose_faults_never_happened_fails(project):
    project.makepyfile(
        """
        from client import talk
        from sttkit import faults, script, speech

        def test_it(stt_server):
            stt_server.play(script(
                speech("hello there"),
                faults.duplicate(at="mid-utterance"),
                faults.reset(at="mid-utterance", n=9),
                faults.reset(at="flush"),
            ))
            with stt_server.listening() as place:
                talk(place, stt_server.pcm())
        """
    )
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "of the script, this never happened:",
            "    reset@mid-utterance.9*reached 2×, at most as mid-utterance.2)",
            "    reset@flush*(flush was never reached)",
            "*stt_server.play(..., allow_unfired=True)*",
        ]
    )


@pytest.mark.parametrize(
    "body",
    [
        "stt_server.play('reset@flush', allow_unfired=True)",
        "stt_server.play('none@idle')",
        "stt_server.play('reset@flush'); stt_server.play('none@idle')",
    ],
    ids=["allowed", "no faults", "played again"],
)
def test_nothing_is_said_where_no_fault_is_missing(project, body):
    project.makepyfile(
        f"""
        from client import talk

        def test_it(stt_server):
            {body}
            with stt_server.listening() as place:
                talk(place, stt_server.pcm())
        """
    )
    project.runpytest().assert_outcomes(passed=1)


def test_a_test_that_drives_nothing_is_told_so(project):
    project.makepyfile("def test_it(stt_server):\n    stt_server.play('reset@idle')\n")
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*never played (reset@idle): call transcribe(), or *"])


def test_a_server_that_a_fixture_holds_open_is_asked_when_it_is_closed(project):
    project.makepyfile(
        """
        import pytest
        from client import talk

        @pytest.fixture
        def client(stt_server):
            with stt_server.listening() as place:
                yield
                talk(place, stt_server.pcm())

        @pytest.mark.stt_script("reset@between-utterances")
        def test_fault_in_teardown(client):
            pass

        @pytest.mark.stt_script("reset@flush")
        def test_no_fault(client):
            pass
        """
    )
    result = project.runpytest()
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_no_fault*", "*sttkit timeline*"])


def test_a_test_that_fails_is_not_told_of_missing_faults_too(project):
    project.makepyfile(
        """
        import pytest

        @pytest.mark.stt_script("reset@idle")
        def test_fails(stt_server):
            assert False

        @pytest.mark.stt_script("reset@idle")
        def test_skips(stt_server):
            pytest.skip()

        @pytest.mark.xfail(strict=True)
        @pytest.mark.stt_script("reset@idle")
        def test_expected(stt_server):
            assert False
        """
    )
    result = project.runpytest()
    result.assert_outcomes(failed=1, skipped=1, xfailed=1)
    result.stdout.no_fnmatch_line("*never*")


# -- what a failing test prints ------------------------------------------------------------------


def test_a_failing_test_prints_timeline_and_reproducer(project):
    project.makepyfile(
        """
        import pytest

        @pytest.mark.stt_script("duplicate@after-final", seed=5)
        def test_it(transcribe):
            assert transcribe().finals == ["nothing"]
        """
    )
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- sttkit timeline -*",
            "*duplicate at after-final*",
            "*- sttkit reproducer -*",
            "seed 5",
            "sttkit check custom_stt --case duplicate@after-final --seed 5",
        ]
    )
    lines = result.stdout.lines
    first = next(index for index, line in enumerate(lines) if "- sttkit timeline -" in line)
    last = next(index for index, line in enumerate(lines) if "- sttkit reproducer -" in line)
    assert max(map(len, lines[first:last])) <= 80


def test_what_no_command_line_does_is_reproduced_by_the_test_itself(project):
    project.makepyfile(
        """
        from client import talk
        import pytest

        @pytest.mark.stt_script("duplicate@after-final")
        def test_own_client(stt_server):
            with stt_server.listening() as place:
                assert talk(place, stt_server.pcm()) == ["nothing"]

        @pytest.mark.stt_script("none@idle")
        def test_own_options(transcribe):
            assert transcribe(pace=0).finals == ["nothing"]
        """
    )
    result = project.runpytest()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["seed 0", "pytest *::test_own_client", "seed 0", "pytest *::test_own_options"]
    )


def test_a_script_made_by_the_test_is_written_down_for_its_reproducer(project):
    project.makepyfile(
        """
        from sttkit import faults, script, speech

        def test_it(stt_server):
            stt_server.play(script(speech("hello there"), faults.reset(at="idle"), seed=0))
            assert False
        """
    )
    result = project.runpytest()
    result.stdout.fnmatch_lines(["seed 0", "sttkit run *.yaml custom_stt"])
    command = next(line for line in result.stdout.lines if line.startswith("sttkit run "))
    written = Path(project.path, command.split()[2])
    assert written.is_relative_to(project.path / ".pytest_cache")
    assert load_script(written) == script(speech("hello there"), faults.reset(at="idle"))


def test_a_script_from_a_file_is_reproduced_from_that_file(project):
    said = script(speech("hello there"), faults.reset(at="idle"), seed=4)
    project.path.joinpath("mine.yaml").write_text(dump_script(said))
    project.makepyfile(
        "def test_it(stt_server):\n    stt_server.play('mine.yaml')\n    assert False\n"
    )
    project.runpytest().stdout.fnmatch_lines(["seed 4", "sttkit run mine.yaml custom_stt"])


def test_without_a_cache_the_test_itself_is_the_reproducer(project):
    project.makepyfile(
        """
        from sttkit import script, speech

        def test_it(stt_server):
            stt_server.play(script(speech("hello there")))
            assert False
        """
    )
    result = project.runpytest("-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(["seed 0", "pytest *::test_it"])


def test_what_goes_wrong_in_a_report_does_not_hide_the_failure(project):
    project.path.joinpath(".pytest_cache").write_text("a file where the cache belongs")
    project.makepyfile(
        """
        from sttkit import script, speech

        def test_it(stt_server):
            stt_server.play(script(speech("hello there")))
            assert "the failure" == "itself"
        """
    )
    result = project.runpytest("-W", "ignore")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert 'the failure' == 'itself'*", "could not be made: *"])


def test_a_failing_test_prints_the_same_under_xdist(project):
    pytest.importorskip("xdist")
    project.makepyfile(
        """
        from client import talk
        import pytest

        @pytest.mark.parametrize("number", range(4))
        @pytest.mark.stt_script("duplicate@after-final")
        def test_it(stt_server, number):
            with stt_server.listening() as place:
                assert talk(place, stt_server.pcm()) == [number]
        """
    )
    result = project.runpytest_subprocess("-n", "2")
    result.assert_outcomes(failed=4)
    assert result.stdout.str().count("duplicate at after-final") == 4
    assert result.stdout.str().count("- sttkit reproducer -") == 4


# -- the plugin under test -----------------------------------------------------------------------


def test_the_plugin_under_test_comes_from_ini_command_line_marker_or_fixture(project):
    project.makeini(ASYNC_INI + "sttkit_target = deepgram\n")
    project.makepyfile(
        """
        import pytest

        def test_given(stt_plugin, stt_server, request):
            expected = request.config.getoption("--sttkit-target") or "deepgram"
            assert stt_plugin == stt_server.dialect == expected

        @pytest.mark.stt_plugin("deepgram")
        def test_marker(stt_server):
            assert stt_server.dialect == "deepgram"

        class TestFixture:
            @pytest.fixture
            def stt_plugin(self):
                def mine(context):
                    ...
                mine.dialect = "deepgram"
                return mine

            def test_it(self, stt_server):
                assert stt_server.dialect == "deepgram"

        @pytest.mark.parametrize("stt_plugin", ["custom_stt", "deepgram"])
        def test_each(stt_plugin, stt_server):
            assert stt_server.dialect == stt_plugin
        """
    )
    project.runpytest().assert_outcomes(passed=5)
    project.runpytest("--sttkit-target", "custom_stt").assert_outcomes(passed=5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ('"deepgrm"', "*unknown target 'deepgrm'*did you mean 'deepgram'?*"),
        ("42", "*42 is no plugin*a target's name, a Target, or a function*"),
        ('"deepgram"', "*the script is for custom_stt, and *deepgram, speaks deepgram*"),
    ],
)
def test_a_plugin_that_cannot_be_driven_is_a_clear_error(project, given, message):
    project.makepyfile(
        f"""
        import pytest
        from sttkit import script, speech

        @pytest.fixture
        def stt_plugin():
            return {given}

        def test_it(stt_server, transcribe):
            stt_server.play(script(speech("hello"), dialect="custom_stt"))
            transcribe()
        """
    )
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([message])


def test_a_factory_in_a_file_is_named_in_the_reproducer_and_a_local_one_is_not(project):
    project.makepyfile(
        test_it="""
        import pytest

        def build(context):
            raise RuntimeError("out of order")

        @pytest.fixture(params=["by name", "nameless"])
        def stt_plugin(request):
            return build if request.param == "by name" else lambda context: build(context)

        @pytest.mark.stt_script("reset@idle")
        def test_it(transcribe):
            transcribe()
        """
    )
    result = project.runpytest()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*TargetError: *out of order*",
            "sttkit check test_it.py:build --case reset@idle --seed 0",
            "pytest 'test_it.py::test_it?nameless?'",
        ]
    )


# -- driving it ----------------------------------------------------------------------------------


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


# -- a client of one's own -----------------------------------------------------------------------


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


# -- pytest around it ----------------------------------------------------------------------------


def test_it_can_be_switched_off(project):
    project.makepyfile(
        """
        def test_it(request):
            assert not request.config.pluginmanager.has_plugin("sttkit")
        """
    )
    project.runpytest("-p", "no:sttkit").assert_outcomes(passed=1)


def test_it_works_without_pytest_asyncio(project):
    project.makeini(INI)
    project.makepyfile(
        """
        import pytest

        @pytest.mark.stt_script("none@idle")
        def test_it(transcribe):
            assert transcribe(pace=0).finals == ["hello there friend", "how are you today"]
        """
    )
    project.runpytest("-p", "no:asyncio").assert_outcomes(passed=1)


def test_collecting_nothing_imports_nothing_heavy(tmp_path):
    heavy = {"aiohttp", "asyncio", "hypothesis", "livekit", "numpy", "rich", "websockets", "yaml"}
    code = (
        "import sys, pytest\n"
        "pytest.main(['-q', '-p', 'sttkit.pytest_plugin', '-p', 'no:cacheprovider'])\n"
        f"print('imported:', sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": ":".join(sys.path)},
    )
    assert "imported: []" in done.stdout
