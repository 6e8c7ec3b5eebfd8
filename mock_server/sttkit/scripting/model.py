"""The script: what is said, what goes wrong, and what the application does, as frozen data.

A script holds no wall time: cues speak of audio and of named points, so the same script plays for
clients that chunk, pace or retry differently, and in any world.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sttkit.audio.speech import Speech, silence
from sttkit.errors import UsageError, unknown_name
from sttkit.faults import Family, Placed, Point
from sttkit.faults.catalogue import Parameter
from sttkit.faults.placing import checked

ACTIONS: dict[str, str] = {
    "flush": "the application asks for pending finals (flush())",
    "flush-twice": "the application asks for pending finals, and again after 0.6 s of audio, when "
    "a plugin that sends pieces of 10 to 200 ms keeps none back; then it is silent for 2 s",
    "pause": "the application pushes nothing for so long (a muted caller), then goes on",
    "end": "the application ends its audio (end_input())",
    "aclose": "the application closes the stream",
    "aclose-twice": "two tasks close the stream at once, and once more afterwards",
    "aclose-at-once": "the application closes the stream in the same tick as stream(), and reads "
    "from it only then",
    "cancel-consumer": "the task that reads the events is cancelled, then the stream is closed",
    "slow-consumer": "the application reads no events for 1 s, then goes on",
    "update-options": "the application changes an option in mid-stream",
    "second-stream": "a second stream on the same STT speaks and listens at the same time",
    "new-stream-after": "when the stream is over, a new one on the same STT speaks and listens",
    "block-loop": "the application blocks the event loop for 0.3 s while the line breaks, "
    "then bursts audio, so that the sender sees the break first",
    "burst": "the application pushes so much audio in one go",
    "end-at-once": "the application pushes everything and ends in the same tick as stream()",
    "drop-stream": "the application lets go of a stream that is over without closing it, and "
    "closes the STT",
    "close-http-session": "the application closes the shared HTTP session",
    "long-call": "the call lasts so long: an utterance every 25 s, and no audio in between",
    "input": "the application pushes audio of this sample rate, whatever the plugin's is",
    "stereo": "the application pushes audio of two channels, both the same",
}
"""Client actions by id."""

ACTION_PARAMETERS: dict[str, Parameter] = {
    "pause": Parameter("seconds", "seconds", 0.6, least=0, most=7200),
    "burst": Parameter("seconds", "seconds", 1.0, least=0, most=600),
    "long-call": Parameter("seconds", "seconds", 3700.0, least=0, most=7200),
    "input": Parameter("rate", "int", 48000, least=8000, most=192_000),
}
"""The one parameter of those actions that have one; its default applies where none is given."""

_IN_ITS_TICK = frozenset({"end-at-once", "aclose-at-once"})
"""Actions that are done when the stream is opened, and at no other time."""

RETRY_TARGET = {
    Family.CONNECTING: Point.CONNECTING,
    Family.ENDING: Point.BEFORE_AUDIO,
}
"""Where the faults of a ``backoff`` placement hit the attempts before the wait."""


@dataclass(frozen=True)
class Cue:
    """When a client action happens: at a point, or when so much audio was pushed.

    Exactly one of ``point`` (its ``n``-th occurrence) and ``audio_s`` (seconds) is set; a cue
    without either is the moment the stream is opened.
    """

    point: Point | None = None
    n: int = 1
    audio_s: float | None = None


@dataclass(frozen=True)
class Step:
    """A client action and its cue; ``param`` is None where the action's default is meant."""

    do: str
    at: Cue = Cue()
    param: int | float | None = None

    def __str__(self) -> str:
        return self.do if self.param is None else f"{self.do}={self.param:g}"

    @property
    def value(self) -> float:
        """The parameter or its default; only for actions that have one."""
        default = ACTION_PARAMETERS[self.do].default
        assert not isinstance(default, str)
        return float(default if self.param is None else self.param)


def parse_action(text: str, at: Cue = Cue(), *, where: str | None = None) -> Step:
    """``pause`` or ``pause=180`` as a `Step`.

    Raises:
        UsageError: there is no such action, or its parameter cannot be used.
    """
    name, equals, raw = text.partition("=")
    return checked_step(name, at, raw if equals else None, where=where)


def checked_step(
    name: str, at: Cue = Cue(), param: object = None, *, where: str | None = None
) -> Step:
    """A step whose action exists, at a time that it can have, and whose parameter can be used.

    Raises:
        UsageError: otherwise.
    """
    if name not in ACTIONS:
        raise unknown_name("action", name, ACTIONS, where=where)
    if name in _IN_ITS_TICK and at != Cue():
        raise UsageError(
            f"{name} is done in the tick in which the stream is opened",
            where=where,
            expected="no time of its own",
            hint=f"take {name.removesuffix('-at-once')}",
        )
    if param is None:
        return Step(name, at)
    parameter = ACTION_PARAMETERS.get(name)
    if parameter is None:
        raise UsageError(f"{name} takes no parameter, got {param!r}", where=where)
    if not isinstance(param, (int, float, str)):
        param = str(param)
    value = checked(name, parameter, param, where=where)
    assert not isinstance(value, str)
    return Step(name, at, value)


@dataclass(frozen=True)
class Network:
    """Properties of a healthy line: one-way latency and jitter, seconds."""

    latency: float = 0.0
    jitter: float = 0.0


@dataclass(frozen=True)
class Script:
    """Everything a run needs besides the plugin.

    Attributes:
        speech: what the application says.
        faults: in order; each is armed when those before it have happened.
        client: actions of the application.
        dialect: name of the dialect, or None to take the target's.
        network: properties of the line where no fault says otherwise.
        seed: decides every choice of the kit.
    """

    speech: Speech
    faults: tuple[Placed, ...] = ()
    client: tuple[Step, ...] = ()
    dialect: str | None = None
    network: Network = field(default_factory=Network)
    seed: int = 0

    def does(self, action: str) -> bool:
        """Whether the application does ``action`` at some time."""
        return any(step.do == action for step in self.client)

    def lasting(self, action: str) -> float:
        """The sum of the parameters of all steps of this action."""
        return sum(step.value for step in self.client if step.do == action)

    def placements(self) -> tuple[Placed, ...]:
        """The faults as the server plays them: ``none`` left out, ``backoff`` spelled out.

        A fault at ``backoff.n`` breaks the first n attempts, so that there is a wait to act in.
        """
        played: list[Placed] = []
        for placed in self.faults:
            if placed.fault.id == "none":
                continue
            if placed.point is Point.BACKOFF:
                target = RETRY_TARGET[placed.fault.kind.family]
                played.extend([replace(placed, point=target, n=1)] * placed.n)
            else:
                played.append(placed)
        return tuple(played)


def script(
    said: Speech | None = None,
    *faults: Placed,
    client: tuple[Step, ...] | list[Step] = (),
    dialect: str | None = None,
    network: Network | None = None,
    seed: int = 0,
) -> Script:
    """A script in one line: ``script(speech("hello there"), faults.reset(at="idle"))``.

    Raises:
        UsageError: an argument is no fault, or an action does not exist.
    """
    for fault in faults:
        if not isinstance(fault, Placed):
            raise UsageError(
                f"{fault!r} is not a placed fault", expected="faults.reset(at=…) and the like"
            )
    for step in client:
        checked_step(step.do, step.at, step.param)
    said = said if said is not None else silence(1.0)
    return Script(
        # One seed decides all, the audio included, as it does in a YAML script.
        replace(said, seed=seed) if seed else said,
        tuple(faults),
        tuple(client),
        dialect,
        network or Network(),
        seed,
    )
