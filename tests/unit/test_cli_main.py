import os
import subprocess
import sys
from pathlib import Path

import pytest

import sttkit
from sttkit import cli
from sttkit.cli import main
from sttkit.errors import TargetError, UsageError
from sttkit.faults import CATALOGUE
from sttkit.laws import ALL_LAWS

CASSETTE = str(Path(__file__).parents[2] / "examples" / "two_utterances.jsonl")
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="needs a device that is full")


def sttkit_process(*arguments, **options):
    options.setdefault("stdout", subprocess.PIPE)
    return subprocess.Popen(
        [sys.executable, "-m", "sttkit", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        **options,
    )


def test_the_version_is_the_packages(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"sttkit {sttkit.__version__}\n"


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    commands = "check run serve replay inspect diff redact laws faults dialects targets"
    for command in commands.split():
        assert command in text


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from sttkit.cli import main; main(['--help']); "
        "print([m for m in ('livekit', 'aiohttp', 'numpy', 'yaml', 'rich', 'websockets', "
        "'multiprocessing', 'sttkit.laws', 'sttkit.worlds') if m in sys.modules])"
    )
    # Coverage, where it is measured, brings modules of its own into every process.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "arguments",
    [[], ["judge"], ["check"], ["check", "x:y", "--seed", "one"], ["check", "x:y", "--jobs", "0"],
     ["check", "x:y", "--tier", "huge"], ["serve", "--port", "65536"], ["run", "x.yaml"]],
)  # fmt: skip
def test_a_command_line_that_makes_no_sense_is_wrong_usage(arguments, capsys):
    assert main(arguments) == 2
    assert "usage: sttkit" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["check", "depgram"], "did you mean 'deepgram'?"),
        (["check", "deepgram", "--law", "RETRY-99"], "unknown law 'RETRY-99'"),
        (["check", "deepgram", "--case", "none"], "'none' has no point"),
        (["check", "deepgram", "--fault", "rest"], "did you mean 'reset'?"),
        (["check", "deepgram", "--advisory", "custom_stt"], "unknown target 'custom_stt'"),
        (["check", "deepgram", "--json", "/nowhere/at/all.json"], "--json: cannot write"),
        (["check", "deepgram", "--junit", "/nowhere/at/all.xml"], "--junit: cannot write"),
        (["check", "deepgram", "--dialect", "deepgrm"], "did you mean 'deepgram'?"),
        (["run", "missing.yaml", "deepgram"], "missing.yaml: no such script file"),
        (["shrink", "mine.jsonl", "deepgram"], "sttkit shrink CASE deepgram --speech mine.jsonl"),
        (["shrink", "examples/drop.yaml", "deepgram", "--speech", "x.jsonl"], "expected a case id"),
        (["shrink", "reset@idle", "deepgram", "--speech", "x.jsonl"], "x.jsonl: no such"),
        (["shrink", "reset@idle", "deepgram", "--speech", "x.jsonl", "-o", "y"], "-o: a case on"),
        (["serve", "mine.jsonl"], "mine.jsonl: a cassette, in place of a script; expected a YAML"),
        (["run", "reset@nowhere", "deepgram"], "unknown point 'nowhere'"),
        (["serve", "--dialect", "deepgrm"], "did you mean 'deepgram'?"),
        (["laws", "RETRY-99"], "unknown law 'RETRY-99'"),
        (["faults", "rest"], "did you mean 'reset'?"),
    ],
)
def test_what_does_not_exist_is_one_sentence_and_status_2(arguments, told, capsys):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("sttkit: error: ")
    assert captured.err.count("\n") == 1
    assert told in captured.err


@pytest.mark.parametrize(
    "arguments",
    [["laws"], ["laws", "LIVE-1"], ["faults"], ["faults", "reset"], ["targets"], ["dialects"]],
    ids=" ".join,
)
def test_what_is_piped_has_no_blanks_at_the_ends_of_lines(arguments, capsys):
    assert main(arguments) == 0
    lines = capsys.readouterr().out.split("\n")
    assert len(lines) > 3
    assert [line for line in lines if line != line.rstrip()] == []


def _command_that_raises(error):
    class Command:
        @staticmethod
        def add_to(commands):
            def run(arguments):
                raise error

            commands.add_parser("fail").set_defaults(run=run)

    return Command


def test_an_error_of_the_kit_ends_with_its_own_status(monkeypatch, capsys):
    error = TargetError("not installed\x1b[2J", where="x")
    monkeypatch.setattr(cli, "_COMMANDS", (_command_that_raises(error),))
    assert main(["fail"]) == 3
    assert capsys.readouterr().err == "sttkit: error: x: not installed\\x1b[2J\n"


def test_ctrl_c_is_status_130(monkeypatch):
    monkeypatch.setattr(cli, "_COMMANDS", (_command_that_raises(KeyboardInterrupt()),))
    assert main(["fail"]) == 130


@needs_full
@pytest.mark.parametrize("arguments", [["laws"], ["faults"], ["inspect", CASSETTE]])
def test_a_full_disk_is_one_sentence_and_no_broken_law(arguments):
    with FULL.open("w") as full:
        process = sttkit_process(*arguments, stdout=full)
        with process.stderr as stderr:
            told = stderr.read()
    assert told.startswith("sttkit: error: cannot write what it prints (No space left on device)")
    assert told.count("\n") == 1
    assert process.wait(30) == 2


@needs_full
def test_a_result_that_no_longer_fits_on_the_disk_is_one_sentence():
    from sttkit.cli.console import writable, write

    with pytest.raises(UsageError, match=r"--junit: cannot write /dev/full \(No space left"):
        write(writable(str(FULL), "--junit"), "<testsuites/>", "--junit")


def test_laws_are_listed_and_told_in_full(capsys):
    assert main(["laws"]) == 0
    text = capsys.readouterr().out
    assert all(f"{law.id} " in text for law in ALL_LAWS)
    assert main(["laws", "retry-1"]) == 0
    assert capsys.readouterr().out.startswith("RETRY-1 (must)\n")


def test_faults_are_listed_and_told_in_full(capsys):
    assert main(["faults"]) == 0
    text = capsys.readouterr().out
    assert all(kind.id in text for kind in CATALOGUE)
    assert "between-utterances" in text
    assert "close-http-session" in text
    assert main(["faults", "close"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("close=<code>\n")
    assert "1011, 1000, 1001" in text


@pytest.mark.parametrize("fault", [kind.id for kind in CATALOGUE])
def test_the_example_of_each_fault_is_a_case(fault, capsys):
    from sttkit.scripting.cases import parse_case

    assert main(["faults", fault]) == 0
    example = capsys.readouterr().out.split("sttkit run '")[1].split("'")[0]
    assert parse_case(example).id.startswith(fault)


def test_dialects_and_targets_are_listed(capsys):
    assert main(["dialects"]) == 0
    assert "api.deepgram.com" in capsys.readouterr().out
    assert main(["targets"]) == 0
    text = capsys.readouterr().out
    assert "framework_probe" in text
    assert "self_managed" in text


def test_a_reader_that_leaves_early_gets_no_traceback():
    process = sttkit_process("faults")
    process.stdout.close()
    with process.stderr as stderr:
        assert stderr.read() == ""
    assert process.wait(30) == 141


def test_a_terminal_that_cannot_show_a_character_gets_another():
    done = subprocess.run(
        [sys.executable, "-m", "sttkit", "laws"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )
    assert done.returncode == 0
    assert b"RETRY-1" in done.stdout
