"""From what the fixture ``stt_plugin`` returns to a target that can be driven."""

from __future__ import annotations

import os
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING

from sttkit.errors import UsageError

if TYPE_CHECKING:
    from sttkit.targets import Target


class UnderTest:
    """The plugin under test, looked up when it is first needed."""

    def __init__(self, given: object) -> None:
        self._given = given

    def target(self, dialect: str | None) -> Target:
        """The target, to be met by a server that speaks ``dialect`` (None: its own).

        Raises:
            UsageError: there is no such target, or it speaks another dialect.
            TargetError: its module cannot be imported.
        """
        target = self._loaded(dialect)
        if dialect is not None and target.dialect != dialect:
            raise UsageError(
                f"the script is for {dialect}, and the plugin under test, {target.name}, speaks "
                f"{target.dialect}",
                hint="name the plugin that the test is for: @pytest.mark.stt_plugin(…)",
            )
        return target

    def spelled(self) -> str | None:
        """How a command line names the target; None if it cannot."""
        from sttkit.targets import Target, target_names

        given = self._given
        if isinstance(given, str):
            return given
        if isinstance(given, Target):
            return given.name if given.name in target_names() else None
        if isinstance(given, FunctionType) and given.__qualname__.isidentifier():
            path = Path(given.__code__.co_filename)
            return f"{os.path.relpath(path)}:{given.__qualname__}" if path.is_file() else None
        return None

    def _loaded(self, dialect: str | None) -> Target:
        from sttkit.targets import Target, load_target, target_names
        from sttkit.targets.loading import as_target

        given = self._given
        if isinstance(given, str):
            # Whoever registers a target knows its dialect; a mere factory need not say.
            return load_target(given, dialect=None if given in target_names() else dialect)
        if isinstance(given, Target):
            return given
        if callable(given):
            name = getattr(given, "__name__", type(given).__name__)
            return as_target(given, name, dialect=dialect)
        raise UsageError(
            f"the fixture stt_plugin returned {given!r}",
            expected="a target's name, a Target, or a function that takes a Context and "
            "returns an STT",
        )
