"""What a test gives to be played, by hand or by its marker."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]


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
