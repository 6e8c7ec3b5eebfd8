"""From what the fixture ``stt_plugin`` returns to a target that can be driven."""

from __future__ import annotations

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
        from sttkit.targets.given import as_given

        target = as_given(self._given, dialect, where="fixture stt_plugin")
        if dialect is not None and target.dialect != dialect:
            raise UsageError(
                f"the script is for {dialect}, and the plugin under test, {target.name}, speaks "
                f"{target.dialect}",
                hint="name the plugin that the test is for: @pytest.mark.stt_plugin(…)",
            )
        return target

    def spelled(self) -> str | None:
        """How a command line names the target; None if it cannot."""
        from sttkit.targets.given import spelled

        return spelled(self._given)
