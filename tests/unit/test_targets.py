"""Targets: how they are found, what their factories may be, and what is said when that fails."""

from __future__ import annotations

import sys
import textwrap

import pytest

from sttkit.errors import TargetError, UsageError
from sttkit.targets import Context, Place, Target, build, describe, load_target, target_names

KEY = "key-4711"


@pytest.fixture
def context():
    # Nothing here connects, so no session is needed.
    return Context(Place("127.0.0.1", 9), http_session=None, api_key=KEY)  # type: ignore[arg-type]


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Writes a plugin file; the import path and the imported modules are put back."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)

    def write(source, name="mine.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(source))
        return path

    yield write
    for name in set(sys.modules) - known:
        if name.startswith("sttkit_target_"):
            del sys.modules[name]


def test_built_in_targets_are_the_files_of_the_folder():
    assert set(target_names()) >= {"custom_stt", "deepgram", "framework_probe", "self_managed"}
    assert set(target_names()) >= {"assemblyai", "gnani", "inference", "openai", "soniox"}
    for name in target_names():
        target = load_target(name)
        assert (target.name, bool(target.summary)) == (name, True)
        assert bool(target.expects) == bool(target.updates)


def test_loading_a_target_does_not_import_livekit():
    import subprocess

    code = (
        "import sys; from sttkit.targets import load_target, target_names;"
        "[load_target(n) for n in ('custom_stt', 'deepgram', 'framework_probe', 'self_managed')];"
        "sys.exit(any(m.startswith('livekit') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_for_an_unknown_name_the_nearest_is_suggested_and_what_else_can_be_given():
    with pytest.raises(UsageError) as caught:
        load_target("deepgrm")
    assert "did you mean 'deepgram'?" in str(caught.value)
    assert "None" not in str(caught.value)
    assert "path/file.py:factory" in str(caught.value)


def test_a_function_that_takes_the_context_becomes_a_target(file):
    path = file(
        """
        def make(context):
            '''My plugin.

            More about it.
            '''
        """
    )
    target = load_target(f"{path}:make")
    assert target.name == f"{path}:make"
    assert (target.dialect, target.sample_rate) == ("custom_stt", 16000)
    assert target.summary == "My plugin."


def test_a_function_may_say_more_by_attributes(file):
    path = file(
        """
        def make(context): ...
        make.dialect = "deepgram"
        make.sample_rate = 8000
        make.expects = {"language": "de"}
        """
    )
    target = load_target(f"{path}:make")
    assert (target.dialect, target.sample_rate) == ("deepgram", 8000)
    assert target.expects == {"language": "de"}


def test_the_caller_has_the_last_word_on_the_dialect(file):
    path = file("def make(context): ...\nmake.dialect = 'custom_stt'")
    assert load_target(f"{path}:make", dialect="deepgram").dialect == "deepgram"
    assert load_target("custom_stt", dialect="deepgram").dialect == "deepgram"
    with pytest.raises(UsageError, match="unknown dialect 'morse'"):
        load_target(f"{path}:make", dialect="morse")


@pytest.mark.parametrize("name", ["TARGET", "make"])
def test_a_target_or_a_function_that_returns_one_is_taken_as_it_is(file, name):
    path = file(
        """
        from sttkit.targets import Target

        TARGET = Target(name="mine", dialect="deepgram", build=lambda context: None)

        def make():
            return TARGET
        """
    )
    target = load_target(f"{path}:{name}")
    assert (target.name, target.dialect) == ("mine", "deepgram")


def test_a_module_is_found_in_the_current_folder(file, tmp_path, monkeypatch):
    file("def make(context): ...", name="module_of_a_user.py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "module_of_a_user", raising=False)
    assert load_target("module_of_a_user:make").name == "module_of_a_user:make"


def test_a_file_can_import_its_neighbours(file):
    file("RATE = 24000", name="neighbour_of_mine.py")
    path = file("import neighbour_of_mine\ndef make(c): ...\nmake.sample_rate = 24000")
    assert load_target(f"{path}:make").sample_rate == 24000


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("no_such_module_here:make", "there is no module 'no_such_module_here'"),
        ("sttkit.no_such_module:make", "there is no module 'sttkit.no_such_module'"),
        ("no/such/file.py:make", "there is no file 'no/such/file.py'"),
        ("no/such/file.py", "no factory is named"),
        ("sttkit.targets:", "no factory is named"),
        (":make", "no factory is named"),
        ("sttkit.targets:biuld", "did you mean 'build'?"),
        ("sttkit.targets.loading:_ATTRIBUTES", "the factory gave tuple"),
    ],
)
def test_what_cannot_be_found_is_wrong_usage(spec, problem):
    with pytest.raises(UsageError) as caught:
        load_target(spec)
    assert problem in str(caught.value)
    assert caught.value.exit_status == 2


def test_only_what_a_file_defines_is_suggested_for_a_factory(file):
    path = file(
        "from urllib.parse import urlencode\nfrom collections import OrderedDict\n"
        "from functools import partial\nfrom sttkit.targets.model import Target\n"
        "def build(c): ...\nclass Build: ...\nother = partial(build)\n"
        "TARGET = Target('mine', 'custom_stt', build)\n"
    )
    with pytest.raises(UsageError) as caught:
        load_target(f"{path}:bild")
    assert "expected one of: build, Build, other, TARGET; did you mean 'build'?" in str(
        caught.value
    )


def test_a_package_suggests_what_its_modules_define(tmp_path, monkeypatch):
    package = tmp_path / "package_of_a_user"
    package.mkdir()
    (package / "__init__.py").write_text("from .deep import build\nfrom json import dumps\n")
    (package / "deep.py").write_text("def build(c): ...\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"expected one of: build; did you mean 'build'\?"):
        load_target("package_of_a_user:bild")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import no_such_package_here", "ModuleNotFoundError: No module named 'no_such_package"),
        ("def make(context) ...", "SyntaxError"),
        ("raise RuntimeError('not today')", "RuntimeError: not today"),
        ("def make(): raise KeyError('x')", "the factory failed with KeyError"),
    ],
)
def test_what_fails_while_it_is_loaded_could_not_be_run(file, source, said):
    with pytest.raises(TargetError) as caught:
        load_target(f"{file(source)}:make")
    assert said in str(caught.value)
    assert caught.value.exit_status == 3


def test_an_odd_sample_rate_is_wrong_usage(file):
    path = file("def make(context): ...\nmake.sample_rate = '16k'")
    with pytest.raises(UsageError, match="sample_rate '16k'"):
        load_target(f"{path}:make")


def test_installed_packages_add_targets_by_entry_points(monkeypatch):
    from importlib.metadata import EntryPoint

    entry = EntryPoint("theirs", "sttkit.targets.framework_probe:TARGET", "sttkit.targets")
    broken = EntryPoint("gone", "no_such_module_here:TARGET", "sttkit.targets")
    installed = {found.name: found for found in (entry, broken)}
    monkeypatch.setattr("sttkit.targets._entry_points", lambda: installed)
    assert target_names()[-2:] == ("gone", "theirs")
    assert load_target("theirs").name == "framework_probe"
    with pytest.raises(UsageError, match="target gone: there is no module"):
        load_target("gone")


def test_a_missing_plugin_names_the_extra_that_installs_it(context, monkeypatch):
    monkeypatch.setitem(sys.modules, "livekit.plugins.deepgram", None)
    with pytest.raises(TargetError) as caught:
        build(load_target("deepgram"), context)
    assert "pip install 'sttkit[deepgram]'" in str(caught.value)


def test_a_constructor_that_raises_is_told_without_the_key(context):
    def refuse(context):
        raise ValueError(f"the key {context.api_key} is malformed")

    with pytest.raises(TargetError) as caught:
        build(Target("mine", "custom_stt", refuse), context)
    assert "ValueError: the key [redacted] is malformed" in str(caught.value)
    assert caught.value.__context__ is None


def test_something_else_than_an_stt_is_not_built(context):
    wrong = Target("mine", "custom_stt", lambda context: object())  # type: ignore[arg-type,return-value]
    with pytest.raises(TargetError, match=r"returned object; expected a livekit\.agents\.stt\.STT"):
        build(wrong, context)


@pytest.mark.parametrize("name", ["framework_probe", "self_managed", "custom_stt"])
def test_a_built_target_describes_itself(name, context):
    target = load_target(name)
    said = describe(target, build(target, context))
    assert said.class_path is not None
    assert said.class_path.endswith("STT")
    assert said.livekit_agents is not None


def test_the_class_of_a_plugin_in_a_file_is_told_by_the_files_name(context, tmp_path):
    file = tmp_path / "acme_stt.py"
    file.write_text(
        "from livekit.plugins import custom_stt\n"
        "class STT(custom_stt.STT): ...\n"
        "def build(context):\n"
        "    return STT(api_url=context.place.http, api_key=context.api_key)\n"
    )
    target = load_target(f"{file}:build")
    assert describe(target, build(target, context)).class_path == "acme_stt.STT"


def test_the_version_of_a_plugin_without_a_distribution_is_what_its_package_says(context):
    probe = build(load_target("framework_probe"), context)
    unpackaged = Target("mine", "custom_stt", lambda context: probe)
    assert describe(unpackaged, probe).version is not None
    assert describe(unpackaged).class_path is None
