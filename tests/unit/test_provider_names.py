"""Laws, engine and everything else know no provider: only dialects, targets, docs and tests do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sttkit.dialects import dialect_names
from sttkit.targets import target_names

ROOT = Path(__file__).parents[2]
KIT = ROOT / "mock_server" / "sttkit"
AT_HOME = {KIT / "dialects", KIT / "targets"}
OURS = {"custom_stt", "framework_probe", "self_managed"}
"""The reference plugin and the kit's own controls."""
KEY_SHAPES = KIT / "cassette" / "redact.py"
"""What the keys of providers look like, so that they can be taken out of any recording."""

PROVIDERS = sorted(
    {name.partition("_")[0] for name in {*dialect_names(), *target_names()} - OURS} | {"aws"}
)


def files() -> list[Path]:
    python = KIT.rglob("*.py")
    return sorted(
        path
        for path in python
        if path != KEY_SHAPES and not any(path.is_relative_to(home) for home in AT_HOME)
    )


def provider_in(text: str) -> str | None:
    """The first name of a provider that stands in ``text`` as a word of its own."""
    for name in PROVIDERS:
        # "meta" and "inference" are words of English; as providers they are names in quotes.
        quoted = name in ("meta", "inference")
        pattern = rf"[\"'`]{name}[\"'`]" if quoted else rf"(?<![a-z]){name}(?![a-z])"
        found = re.search(pattern, text, re.IGNORECASE)
        if found:
            return found.group().strip("\"'`").lower()
    return None


def test_there_are_providers_and_files_to_look_at() -> None:
    assert len(PROVIDERS) > 25
    assert len(files()) > 100


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(KIT)))
def test_no_file_of_the_kit_names_a_provider(path: Path) -> None:
    found = provider_in(path.read_text(encoding="utf-8"))
    assert found is None, f"{path.relative_to(KIT)} names {found}"


@pytest.mark.parametrize("text", ["if dialect == 'gnani':", "# as Deepgram does", "Microsoft AI"])
def test_a_provider_that_is_named_is_found(text: str) -> None:
    assert provider_in(text) is not None


@pytest.mark.parametrize("text", ["metadata", "a type's inference", "self._meta"])
def test_an_ordinary_word_is_no_provider(text: str) -> None:
    assert provider_in(text) is None
