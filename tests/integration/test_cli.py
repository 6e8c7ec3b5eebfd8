"""The command line from outside: processes, pipes, terminals and signals."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import jsonschema
import pytest
from websockets.sync.client import connect

from sttkit.audio.speech import speech
from sttkit.audio.synth import render
from sttkit.laws import ALL_LAWS
from sttkit.scripting.cases import CASE_SPEECH

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "check.schema.json").read_text(encoding="utf-8"))
QUICK = "http=401@connecting"
"""A case of a fraction of a second."""

posix = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has neither the signals nor pseudo-terminals"
)


def command(*arguments):
    return [sys.executable, "-m", "sttkit", *map(str, arguments)]


def environment(**more):
    clean = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "COLUMNS")}
    return {**clean, "PYTHONIOENCODING": "utf-8", **more}


def sttkit(*arguments, **options):
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        encoding="utf-8",
        env=environment(),
        timeout=180,
        **options,
    )


# --- check ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("check")
    done = sttkit(
        "check", "self_managed", "framework_probe", "--advisory", "self_managed", "--jobs", 2,
        "--case", f"{QUICK},none@connecting+aclose", "--json", folder / "a.json",
        "--junit", folder / "a.xml",
    )  # fmt: skip
    return done, folder


def test_a_check_writes_json_by_its_schema(checked):
    result = json.loads((checked[1] / "a.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(SCHEMA).validate(result)
    for target in result["targets"]:
        assert [case["id"] for case in target["cases"]] == [QUICK, "none@connecting+aclose"]
        for case in target["cases"]:
            assert [said["law"] for said in case["verdicts"]] == [law.id for law in ALL_LAWS]
            assert re.fullmatch("[0-9a-f]{64}", case["trace_sha256"])
    assert [target["class"] for target in result["targets"]] == [
        "sttkit.controls.self_managed.STT",
        "sttkit.controls.framework_probe.STT",
    ]


def test_a_check_writes_junit(checked):
    suites = ElementTree.parse(checked[1] / "a.xml").getroot()
    assert suites.get("tests") == "4"
    assert suites.get("failures") == "0"


def test_in_a_pipe_there_is_no_colour_and_no_progress(checked):
    assert checked[0].stderr == ""
    assert "\x1b" not in checked[0].stdout
    assert "side by side" in checked[0].stdout
    assert " \n" not in checked[0].stdout


def test_what_an_advisory_target_breaks_is_told_and_does_not_count(checked):
    assert "RETRY-4 FAIL" in checked[0].stdout
    assert "self_managed:" in checked[0].stdout
    assert checked[0].returncode == 0


def test_the_line_to_play_a_case_again_does_that(checked):
    result = json.loads((checked[1] / "a.json").read_text(encoding="utf-8"))
    finding = next(f for f in result["targets"][0]["findings"] if f["law"] == "RETRY-4")
    program, *arguments = shlex.split(finding["reproduce"])
    assert program == "sttkit"
    again = sttkit(*arguments, "--json", "-")
    assert again.returncode == 1
    case = json.loads(again.stdout)["targets"][0]["cases"][0]
    assert case["id"] == finding["cases"][0]
    assert next(v for v in case["verdicts"] if v["law"] == "RETRY-4")["verdict"] == "fail"


def test_the_script_of_a_finding_plays_the_same_thing(checked, tmp_path):
    result = json.loads((checked[1] / "a.json").read_text(encoding="utf-8"))
    finding = next(f for f in result["targets"][0]["findings"] if f["law"] == "RETRY-4")
    script = tmp_path / "again.yaml"
    script.write_text(finding["script"], encoding="utf-8")
    done = sttkit("run", script, "self_managed")
    assert done.returncode == 1
    assert "RETRY-4 FAIL" in done.stdout


MINE = """
def make(context):
    from sttkit.controls.framework_probe import STT
    return STT(context)

def broken(context):
    raise RuntimeError("no model")
"""


def test_a_plugin_in_a_file_is_checked_and_its_path_survives_the_shell(tmp_path):
    folder = tmp_path / "my plugins"
    folder.mkdir()
    (folder / "mine.py").write_text(MINE, encoding="utf-8")
    done = sttkit("check", "my plugins/mine.py:make", "--case", QUICK, "--json", "-", cwd=tmp_path)
    case = json.loads(done.stdout)["targets"][0]["cases"][0]
    assert shlex.split(case["reproduce"])[2] == "my plugins/mine.py:make"
    assert done.returncode == 0, done.stdout


def test_a_plugin_that_cannot_be_built_is_status_3_even_if_another_breaks_a_law(tmp_path):
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    done = sttkit(
        "check", "mine.py:broken", "self_managed", "--case", QUICK, "--json", "-", cwd=tmp_path
    )
    broken, other = json.loads(done.stdout)["targets"]
    assert done.returncode == 3
    assert "no model" in broken["error"]
    assert broken["cases"] == []
    assert other["findings"]


def test_a_misspelled_target_is_wrong_usage_even_if_another_can_be_run(tmp_path):
    done = sttkit("check", "self_managed", "no.such.module:make", "--case", QUICK)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "no.such.module" in done.stderr or "there is no module 'no'" in done.stderr


@posix
def test_a_terminal_gets_a_progress_bar_and_ctrl_c_keeps_what_is_known():
    import pty

    master, slave = pty.openpty()
    # Where the tests run in a shell's background, it is ignored, and children inherit that.
    ignored = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        command(
            "check",
            "self_managed",
            "--loopback",
            "--jobs",
            1,
            "--case",
            f"{QUICK},stall@mid-utterance.2",
        ),
        stdout=subprocess.PIPE,
        stderr=slave,
        env=environment(TERM="xterm"),
    )
    signal.signal(signal.SIGINT, ignored)
    os.close(slave)
    seen = b""
    # The quick cases are over; the last one would take a quarter of a minute.
    while not re.search(rb" [2-9]/[3-9] ", re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", seen)):
        seen += os.read(master, 4096)
    process.send_signal(signal.SIGINT)
    text = process.communicate(timeout=30)[0].decode()  # ends when no worker holds the pipe either
    assert process.returncode == 130
    os.close(master)
    assert "Stopped before the end" in text
    assert "Traceback" not in text


# --- run ------------------------------------------------------------------------------------------


def test_run_prints_both_sides_and_the_broken_laws():
    done = sttkit("run", QUICK, "self_managed")
    assert done.returncode == 1
    assert "FAULT http=401 at connecting" in done.stdout
    assert "iteration raises" in done.stdout
    assert "RETRY-4 FAIL" in done.stdout
    assert "\x1b" not in done.stdout
    assert " \n" not in done.stdout


def test_what_a_plugin_left_running_is_told_by_its_law_and_not_once_more_in_tracebacks(tmp_path):
    plugin = tmp_path / "leaking.py"
    plugin.write_text(
        "import asyncio\n"
        "from livekit.plugins import custom_stt\n"
        "async def fails():\n"
        "    raise ValueError('left behind')\n"
        "class STT(custom_stt.STT):\n"
        "    def stream(self, **options):\n"
        "        asyncio.create_task(asyncio.sleep(3600.0), name='left behind')\n"
        "        failing = asyncio.ensure_future(fails())\n"
        "        asyncio.get_running_loop().call_later(3600.0, print, failing)\n"
        "        return super().stream(**options)\n"
        "def build(context):\n"
        "    return STT(api_url=context.place.http, api_key=context.api_key,\n"
        "               http_session=context.http_session)\n"
    )
    done = sttkit("run", "none@idle", f"{plugin}:build")
    assert done.returncode == 1
    assert "CLOSE-2 FAIL" in done.stdout
    assert done.stderr == ""


def test_run_as_json_is_the_trace_alone():
    done = sttkit("run", QUICK, "framework_probe", "--json")
    kinds = [json.loads(line)["kind"] for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert "attempt" in kinds
    assert "ended" in kinds


def test_run_refuses_a_script_for_another_protocol(tmp_path):
    script = tmp_path / "s.yaml"
    script.write_text("sttkit: 1\ndialect: deepgram\nspeech: [{say: hello}]\n", encoding="utf-8")
    done = sttkit("run", script, "framework_probe")
    assert done.returncode == 2
    assert "the script is for deepgram, and framework_probe speaks custom_stt" in done.stderr


# --- serve ----------------------------------------------------------------------------------------


class Serving:
    """A server process; ``url`` is where it listens."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            command("serve", "--port", 0, *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=environment(),
        )
        self.said = ""
        self.url = self.find(r"WebSocket +(\S+)")

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def find(self, pattern):
        """What ``pattern`` matches in what it says on standard error, waited for."""
        assert self.process.stderr is not None
        while not (found := re.search(pattern, self.said)):
            line = self.process.stderr.readline()
            assert line, self.said
            self.said += line
        return found[found.re.groups]

    def stop(self):
        """Ctrl-C; returns what it printed."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, err
        return out


def deepgram_finals(url, pcm, **options):
    finals = []
    headers = {"Authorization": "Token any"}
    with connect(url, additional_headers=headers, proxy=None, **options) as socket:
        for start in range(0, len(pcm), 3200):
            socket.send(pcm[start : start + 3200])
        socket.send(json.dumps({"type": "CloseStream"}))
        for message in socket:
            said = json.loads(message)
            if said["type"] == "Results" and said["is_final"]:
                finals.append(said["channel"]["alternatives"][0]["transcript"])
    return [text for text in finals if text]


@posix
def test_serve_answers_any_client_and_tells_what_happens():
    with Serving("--dialect", "deepgram") as serving:
        finals = deepgram_finals(serving.url, render(speech(*CASE_SPEECH), 16000))
        journal = serving.stop()
    assert finals == list(CASE_SPEECH)
    assert f'sends final "{CASE_SPEECH[0]}"' in journal
    assert "closes with 1000" in journal
    assert "any" not in journal.split()


@posix
def test_serve_understands_audio_that_it_has_never_heard():
    pcm = bytes(render(speech("other words entirely now", "and still more"), 16000))
    with Serving("--dialect", "deepgram") as serving:
        assert len(deepgram_finals(serving.url, bytes(b ^ 1 for b in pcm))) > 0
        assert serving.find("-- #0 sends audio that is not the script's: its seconds are counted")
        serving.stop()


@posix
def test_serve_says_why_silence_has_no_transcript():
    with Serving("--dialect", "deepgram") as serving:
        assert deepgram_finals(serving.url, bytes(96_000)) == []
        assert serving.find("-- #0 sends digital silence: there is no word in it")
        serving.stop()


@posix
def test_serve_plays_the_faults_of_a_script():
    from websockets.exceptions import InvalidStatus

    with Serving("http=503@connecting", "--dialect", "deepgram", "--json") as serving:
        with pytest.raises(InvalidStatus, match="503"):
            connect(serving.url, additional_headers={"Authorization": "Token any"}, proxy=None)
        records = [json.loads(line) for line in serving.stop().splitlines()]
    assert "http=503" in [r["data"].get("fault") for r in records if r["kind"] == "fault"]


@posix
def test_serve_answers_http_too():
    with Serving() as serving:
        health = serving.find(r"curl '(\S+/health)'")
        with urllib.request.urlopen(health) as answer:
            assert json.load(answer)["status"] == "ok"
        serving.stop()


@posix
def test_serve_warns_when_other_machines_can_connect():
    with Serving("--host", "0.0.0.0") as serving:
        assert serving.said.startswith("warning: 0.0.0.0 can be reached from other machines")
        serving.stop()


@posix
def test_serve_with_tls_is_trusted_by_those_who_are_told(tmp_path):
    pytest.importorskip("trustme")
    import ssl

    with Serving("--dialect", "deepgram", "--tls") as serving:
        assert serving.url.startswith("wss://")
        context = ssl.create_default_context(cafile=serving.find(r"SSL_CERT_FILE=(\S+)"))
        pcm = render(speech(*CASE_SPEECH), 16000)
        assert deepgram_finals(serving.url, pcm, ssl=context) == list(CASE_SPEECH)
        serving.stop()


@posix
def test_a_port_that_is_taken_is_wrong_usage():
    with Serving() as serving:
        port = serving.url.split(":")[2].split("/")[0]
        done = sttkit("serve", "--port", port)
        assert done.returncode == 2
        assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
        serving.stop()
