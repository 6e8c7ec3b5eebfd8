"""Case ids: ``fault[=param]@point[.n][+action[=param]]*``, two faults joined by ``/``.

They are public and stable: reports, reproducers and suppressions cite them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sttkit.audio.speech import Speech, speech
from sttkit.errors import UsageError
from sttkit.faults import Placed, Point, parse_placed
from sttkit.scripting.model import Cue, Script, parse_action

CASE_SPEECH = ("hello there friend", "how are you today")
"""What is said in every case: long enough for two interims, short enough for real time."""
MOST_FAULTS = 4
"""In one case; a script may have more."""

_CLOSES = frozenset({"aclose", "aclose-twice", "cancel-consumer", "close-http-session"})
"""Actions that make the client close, so that they cannot wait for the closing to begin."""
_AT_ONCE = frozenset(
    {
        "end-at-once",
        "aclose-at-once",
        "second-stream",
        "new-stream-after",
        "drop-stream",
        "long-call",
        "input",
        "stereo",
    }
)
"""Actions that do not wait for the fault's point."""


@dataclass(frozen=True)
class Case:
    """One or two placed faults, and what the application does at the point of the last.

    Attributes:
        actions: as they are spelled, ``pause=180``.
    """

    faults: tuple[Placed, ...]
    actions: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return "+".join(["/".join(str(placed) for placed in self.faults), *self.actions])

    @property
    def is_batch(self) -> bool:
        return any(placed.point is Point.BATCH for placed in self.faults)

    def script(self, *, seed: int = 0, said: Speech | None = None) -> Script:
        """The script that this case is short for."""
        last = self.faults[-1]
        steps = tuple(
            parse_action(action, _cue(action.partition("=")[0], last)) for action in self.actions
        )
        return Script(
            said if said is not None else speech(*CASE_SPEECH, seed=seed),
            self.faults,
            steps,
            seed=seed,
        )


def case_of(script: Script) -> Case | None:
    """The case that is short for ``script``, whatever its dialect; None if there is none."""
    if not 1 <= len(script.faults) <= MOST_FAULTS:
        return None
    case = Case(script.faults, tuple(str(step) for step in script.client))
    meant = case.script(seed=script.seed)
    return case if meant == replace(script, dialect=None) else None


def _cue(action: str, placed: Placed) -> Cue:
    if action in _AT_ONCE:
        return Cue()
    if placed.point is Point.CLOSING and placed.fault.id != "none" and action in _CLOSES:
        return Cue(Point.MID_UTTERANCE, 2)
    return Cue(placed.point, placed.n)


def parse_case(text: str) -> Case:
    """The case with this id.

    Raises:
        UsageError: the id is malformed or names what there is not.
    """
    spelled, *actions = text.strip().split("+")
    if not spelled:
        raise UsageError(
            f"an empty case id {text!r}", expected="fault[=param]@point[.n][+action[=param]]*"
        )
    faults = tuple(parse_placed(part, where=f"case {text!r}") for part in spelled.split("/"))
    if len(faults) > MOST_FAULTS:
        raise UsageError(f"{len(faults)} faults in one case", expected=f"at most {MOST_FAULTS}")
    where = f"case {text!r}"
    return Case(faults, tuple(str(parse_action(action, where=where)) for action in actions))
