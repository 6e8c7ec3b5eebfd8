"""A dialect that somebody wrote: what is wrong with it is named, with the part and the file."""

from __future__ import annotations

from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from sttkit import UsageError, dialects
from sttkit.cli import main
from sttkit.dialects import dialect_names, load_dialect
from sttkit.dialects.checking import first_flaw
from sttkit.dialects.model import Facts, ProviderFailure

GOOD = load_dialect("custom_stt")


def fails(*_: object) -> Any:
    raise ValueError("not yet")


@pytest.mark.parametrize("name", dialect_names())
def test_a_built_in_dialect_has_no_flaw(name: str) -> None:
    assert first_flaw(load_dialect(name)) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": ""}, "its part 'name' is '', and should be a text"),
        ({"open": None}, "its part 'open' is None, and should be a function"),
        ({"facts": {}}, "its part 'facts' is {}, and should be a Facts"),
        ({"batch": 7}, "its part 'batch' is 7, and should be a Batch or None"),
        ({"carrier": "pigeon"}, "its part 'carrier' is 'pigeon'"),
        ({"errors": []}, "its part 'errors' is [], and should be a mapping"),
        ({"errors": {"a": "b"}}, "its part 'errors' has 'b' as 'a'"),
        (
            {"errors": {"a": ProviderFailure("x", None)}, "facts": Facts()},
            "its part 'errors' has 'a', which neither says anything nor closes",
        ),
        ({"facts": Facts(overloaded="x")}, "its part 'facts' names 'x' as overloaded"),
        ({"unknown": {}}, "its part 'unknown' is {}"),
        ({"wrong_types": (1,)}, "its part 'wrong_types' has 1"),
        ({"open": lambda request: None}, "its part 'open' gave None"),
        ({"read": fails}, "its part 'read' failed when asked: ValueError: not yet"),
        ({"write": lambda event, view: "hello"}, "its part 'write' gave 'hello' for a Ready"),
        ({"write": lambda event, view: []}, "its part 'write' has no message for a Final"),
        ({"explain": lambda message: None}, "its part 'explain' does not know the Ready"),
        ({"explain": fails}, "its part 'explain' failed when given"),
        ({"rate_of": lambda config: "16000"}, "its part 'rate_of' gave '16000'"),
    ],
)
def test_a_wrong_part_is_named(change: dict[str, Any], said: str) -> None:
    flaw = first_flaw(replace(GOOD, **change))
    assert flaw is not None
    assert flaw.startswith(said)


def test_what_is_no_dialect_is_said_so() -> None:
    assert first_flaw(7) == "a int is no sttkit.dialects.model.Dialect"


def scaffolded(folder: Path) -> Path:
    assert main(["dialects", "new", "acme", "--folder", str(folder)]) == 0
    return folder / "acme_dialect.py"


def test_a_dialect_in_a_file_is_loaded_by_its_path(tmp_path: Path) -> None:
    assert load_dialect(f"{scaffolded(tmp_path)}:DIALECT").name == "acme"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('    host="api.acme.example",\n', "", "missing 1 required keyword-only argument: 'host'"),
        ('host="api.acme.example"', "host=7", "its part 'host' is 7, and should be a text"),
        ("facts=Facts(", "facts=dict(", "its part 'facts' is {"),
        ("DIALECT = ", "DIALEKT = ", "unknown dialect in"),
    ],
)
def test_a_dialect_with_a_missing_or_wrong_part_names_the_part_and_the_file(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    path = scaffolded(tmp_path)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UsageError) as caught:
        load_dialect(f"{path}:DIALECT")
    assert said in str(caught.value)
    assert "acme_dialect.py" in str(caught.value)


def test_a_bad_dialect_of_an_installed_package_is_named_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "acme_package.py").write_text("DIALECT = {'name': 'acme'}\n")
    monkeypatch.syspath_prepend(tmp_path)
    entry = metadata.EntryPoint("acme", "acme_package:DIALECT", "sttkit.dialects")
    monkeypatch.setattr(dialects, "_entry_points", lambda: {"acme": entry})
    with pytest.raises(UsageError, match=r"dialect acme: 'acme_package:DIALECT': a dict is no"):
        load_dialect("acme")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Acme", "cannot be the name of a dialect"),
        ("../acme", "cannot be the name of a dialect"),
        ("custom_stt", "there is a dialect 'custom_stt' already"),
        ("acme", "exists already; it is not written over"),
    ],
)
def test_a_scaffold_is_refused_for_a_name_that_cannot_be_or_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    before = scaffolded(tmp_path).read_text()
    assert main(["dialects", "new", name, "--folder", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
    assert (tmp_path / "acme_dialect.py").read_text() == before
