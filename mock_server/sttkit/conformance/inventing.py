"""Hypothesis strategies for speech, faults and scripts, all of them playable, and what draws from
them without a test around it.

They shrink towards scripts that a person would write: fewer faults, the most common ones, on the
next connection, at the first occurrence; few words; an application that only talks. Faults are
placed relative to what happens - the next connection, the n-th interim - and a script has them in
an order, and at points, that a stream gets to if it recovers from each.

Their users import them from `sttkit.strategies`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from sttkit.audio.speech import Speech, from_items
from sttkit.conformance.possible import absent_points, can_have, parameters_of
from sttkit.dialects import load_dialect
from sttkit.dialects.model import Dialect
from sttkit.errors import UsageError, unknown_name
from sttkit.faults import CATALOGUE, Family, Fault, FaultKind, Placed, Point
from sttkit.faults.placing import Connection
from sttkit.scripting.model import ACTIONS, Cue, Network, Script, Step

__all__ = [
    "IN_A_CALL",
    "STREAMING",
    "client_steps",
    "invent",
    "placed_faults",
    "scripts",
    "speeches",
]

STREAMING = (Family.ENDING, Family.CONNECTING, Family.MESSAGES, Family.TIME, Family.BYTES)
"""The families of faults of a stream, in the order they shrink to."""

_TEXT = (
    "hello there friend how are you today good morning what time does train leave please wait "
    "book one table near window for two tonight my name begins with seven blue horses"
)
WORDS = tuple(_TEXT.split())
"""Words to say, each of them once."""

DEFAULT_DIALECT = "custom_stt"
DEFAULT_SPEECH_S = 3.0

_NEEDS_TLS = frozenset({"certificate"})
"""Not over loopback, nor where a dialect is reached without TLS: searched scripts do without."""
_FINAL_STATUSES = frozenset({400, 401, 403, 404})
_RECURRING = frozenset({Point.MID_UTTERANCE, Point.BACKOFF})
"""Points that any stream gets to twice in a row."""
_CONNECTIONS: tuple[Connection, ...] = ("next", "next", "next", "each")
_MANY = 2**16 - 1
_SPOKEN = (Point.MID_UTTERANCE, Point.AFTER_FINAL, Point.BETWEEN_UTTERANCES)
"""Points that come again and again while somebody speaks."""
_CUES = (*_SPOKEN, Point.IDLE, Point.BEFORE_AUDIO, Point.CONNECTING)
"""Points at which an application may do something."""
_AT_ONCE = (
    "end-at-once",
    "aclose-at-once",
    "second-stream",
    "new-stream-after",
    "input",
    "stereo",
    "long-call",
)
_LAST = (
    "end",
    "aclose",
    "aclose-twice",
    "cancel-consumer",
    "end-at-once",
    "aclose-at-once",
    "close-http-session",
)
"""Actions after which the application has nothing more to say."""
_TALKING = tuple(action for action in ACTIONS if action not in (*_LAST, *_AT_ONCE))
IN_A_CALL = tuple(ACTIONS)
"""All that an application may do in a call."""
_SHORTER = {"long-call": 600.0}
"""Parameters of actions where scripts are made up by the thousand: an hour takes long to play."""


@st.composite
def speeches(
    draw: st.DrawFn, *, max_utterances: int = 3, max_words: int = 3, seed: int = 0
) -> Speech:
    """Speech of one or more short utterances; no word is said twice.

    Raises:
        UsageError: that many words are not there.
    """
    if not 1 <= max_utterances * max_words <= len(WORDS):
        raise UsageError(
            f"{max_utterances} utterances of {max_words} words",
            expected=f"1 to {len(WORDS)} words in all, since none is said twice",
        )
    lengths = draw(st.lists(st.integers(1, max_words), min_size=1, max_size=max_utterances))
    items: list[dict[str, object]] = []
    said = 0
    for length in lengths:
        if items:
            items.append({"pause": draw(st.sampled_from((0.8, 0.5, 1.2)))})
        items.append({"say": " ".join(WORDS[said : said + length])})
        said += length
    return from_items(items, seed=seed)


@st.composite
def placed_faults(
    draw: st.DrawFn,
    dialect: str | None = None,
    *,
    families: Iterable[Family] = STREAMING,
    points: Collection[Point] = tuple(Point),
    exclude: Collection[str] = (),
) -> Placed:
    """A fault at a point where it makes sense.

    Args:
        dialect: leaves out what its provider cannot do: points that its sessions have not, faults
            that its carrier has not, errors that it does not document. None: that of the reference
            plugin.
        families: of faults, in the order they shrink to.
        points: only at these.
        exclude: ids of faults that are not wanted.

    Raises:
        UsageError: no fault is left, or an id does not exist.
    """
    spoken = load_dialect(dialect or DEFAULT_DIALECT)
    kinds = _kinds(spoken.name, tuple(families), frozenset(points), frozenset(exclude))
    variants = draw(kinds)
    # As many choices for each kind: so one kind can be shrunk to another and keep what follows.
    variant = draw(st.integers(0, _MANY)) % len(variants)
    return replace(variants[variant], connection=draw(st.sampled_from(_CONNECTIONS)))


@st.composite
def client_steps(
    draw: st.DrawFn,
    *,
    max_steps: int = 2,
    actions: Collection[str] = tuple(ACTIONS),
    until: float = DEFAULT_SPEECH_S,
) -> tuple[Step, ...]:
    """What the application does besides talking; at most one thing that ends its part, the last.

    Args:
        max_steps: how many actions at most.
        actions: only these.
        until: cues by audio lie before this, seconds.

    Raises:
        UsageError: an action does not exist.
    """
    for action in actions:
        if action not in ACTIONS:
            raise unknown_name("action", action, ACTIONS)
    drawn = draw(_some(tuple(sorted(actions)), max_steps))
    lasting = [action for action in drawn if action not in _LAST]
    last = [action for action in drawn if action in _LAST][:1]
    return tuple(
        Step(action, draw(_cues(action, until)), _SHORTER.get(action))
        for action in (*lasting, *last)
    )


@st.composite
def scripts(
    draw: st.DrawFn,
    *,
    min_faults: int = 0,
    max_faults: int = 4,
    max_steps: int = 1,
    dialect: str | None = None,
    families: Iterable[Family] = STREAMING,
    points: Collection[Point] = tuple(Point),
    exclude: Collection[str] = (),
    actions: Collection[str] = _TALKING,
    said: st.SearchStrategy[Speech] | None = None,
) -> Script:
    """A script of some faults, in an order in which a stream that recovers meets all of them.

    Args:
        min_faults: how many faults at least.
        max_faults, max_steps: how many faults and actions at most.
        dialect: of the script; see `placed_faults`, where ``families``, ``points`` and ``exclude``
            are explained too.
        actions: of the application; by default those that leave it talking.
        said: what is said; by default `speeches`.

    Raises:
        UsageError: faults of batch requests are asked for together with those of streams.
    """
    families = tuple(families)
    if Family.BATCH in families and len(set(families)) > 1:
        raise UsageError(
            "faults of batch requests and of streams in one script",
            expected="Family.BATCH alone, or without it",
        )
    faults = draw(
        _met_faults(
            dialect, families, frozenset(points), frozenset(exclude), min_faults, max_faults
        )
    )
    seed = draw(st.integers(0, 9999))
    speech = replace(draw(said if said is not None else speeches()), seed=seed)
    steps = draw(client_steps(max_steps=max_steps, actions=actions, until=speech.core_end))
    if any(placed.point is Point.FLUSH for placed in faults):
        # In the middle of what is said first, so that there is something to ask for.
        flush = Step("flush", Cue(audio_s=next(word.end for word in speech.words())))
        steps = (flush, *(step for step in steps if step.do not in ("flush", *_LAST)))
    return Script(
        speech=speech,
        faults=faults,
        client=steps,
        dialect=dialect,
        network=draw(st.sampled_from((Network(), Network(latency=0.03, jitter=0.01)))),
        seed=seed,
    )


def invent(source: st.SearchStrategy[Script], count: int, *, seed: int) -> tuple[Script, ...]:
    """``count`` different scripts from ``source``, or fewer if it has fewer; always the same."""
    found: dict[Script, None] = {}

    @seeded(seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(source)
    def keep(script: Script) -> None:
        found[script] = None

    keep()
    return tuple(found)


# --- what makes sense -------------------------------------------------------------------------


@lru_cache(maxsize=32)
def _met_faults(
    dialect: str | None,
    families: tuple[Family, ...],
    points: frozenset[Point],
    exclude: frozenset[str],
    at_least: int,
    at_most: int,
) -> st.SearchStrategy[tuple[Placed, ...]]:
    """Faults that a stream gets to; made once, since to make a strategy takes longer than to draw.

    Raises:
        UsageError: see `placed_faults`.
    """
    spoken = load_dialect(dialect or DEFAULT_DIALECT)
    one = placed_faults(dialect, families=families, points=points, exclude=exclude)
    drawn = st.lists(one, min_size=at_least, max_size=at_most)
    return _met(drawn, spoken).filter(lambda placed: len(placed) >= at_least)


@st.composite
def _met(
    draw: st.DrawFn, drawn: st.SearchStrategy[list[Placed]], dialect: Dialect
) -> tuple[Placed, ...]:
    # With `map`, Hypothesis would show its function in place of the faults of a failing script.
    return tuple(_reachable(draw(drawn), dialect))


@lru_cache(maxsize=32)
def _kinds(
    dialect_name: str,
    families: tuple[Family, ...],
    points: frozenset[Point],
    exclude: frozenset[str],
) -> st.SearchStrategy[list[Placed]]:
    """The faults to choose from: one of the kinds, with its placements, the plainest first."""
    dialect = load_dialect(dialect_name)
    known = [kind.id for kind in CATALOGUE]
    for fault_id in sorted(exclude):
        if fault_id not in known:
            raise unknown_name("fault", fault_id, known)
    left_out = {"none", *_NEEDS_TLS, *exclude}
    wanted = [kind for kind in CATALOGUE if kind.family in families and kind.id not in left_out]
    allowed = points - absent_points(dialect)
    found = [
        list(_placements(kind, dialect, allowed))
        for kind in sorted(wanted, key=lambda kind: families.index(kind.family))
    ]
    found = [placements for placements in found if placements]
    if not found:
        raise UsageError("no fault is left to choose from", hint="exclude less")
    return st.sampled_from(found)


def _placements(kind: FaultKind, dialect: Dialect, allowed: frozenset[Point]) -> Iterator[Placed]:
    places = [point for point in kind.points if point in allowed]
    places.sort(key=lambda point: point not in _SPOKEN)
    for n in (1, 2):
        for param in parameters_of(kind, dialect):
            fault = Fault(kind.id, param)
            if not can_have(dialect, fault):
                continue
            for point in places:
                # There is no wait after what is no failure, or one that nobody retries.
                if point is Point.BACKOFF and (not kind.breaks or _is_final(fault, dialect)):
                    continue
                if n == 1 or point in _RECURRING:
                    yield Placed(fault, point, n)


@lru_cache(maxsize=32)
def _some(actions: tuple[str, ...], at_most: int) -> st.SearchStrategy[list[str]]:
    if not actions:
        return st.just([])
    return st.lists(st.sampled_from(actions), max_size=at_most, unique=True)


@st.composite
def _cues(draw: st.DrawFn, action: str, until: float) -> Cue:
    if action in _AT_ONCE:
        return Cue()
    if draw(st.booleans()):
        return Cue(draw(st.sampled_from(_CUES)))
    tenths = st.integers(1, max(1, int(until * 10) - 1))
    return Cue(audio_s=draw(tenths) / 10)


def _reachable(drawn: list[Placed], dialect: Dialect) -> Iterator[Placed]:
    """``drawn``, faults left out that a recovering stream would not get to after those before.

    Faults happen one after the other. On one connection they can only sit at later and later
    points, though utterance follows utterance; one that breaks the connection leads to a new one.
    """
    passed: Placed | None = None  # the fault before, if it was on the same connection
    utterance = 1  # on this connection
    first = True
    # What follows the end of the audio cannot come before anything else.
    for placed in sorted(drawn, key=_is_at_end):
        point = placed.point
        if point in (Point.FLUSH, Point.BACKOFF, Point.IDLE) and not first:
            continue  # a flush comes once; later on nobody knows if there is a wait, or a pause
        if point is Point.BACKOFF:
            placed = replace(placed, connection="next")
        if passed is not None:
            if point in _SPOKEN and passed.point in _SPOKEN:
                utterance += _moment(placed) <= _moment(passed)
                if point is not Point.MID_UTTERANCE:  # counted on the whole connection
                    placed = replace(placed, n=utterance)
            elif _ORDER.index(point) <= _ORDER.index(passed.point):
                continue
        yield placed
        if _is_final(placed.fault, dialect):
            return
        first = False
        kind = placed.fault.kind
        if not kind.breaks:
            passed = placed
            if kind.deaf:
                return
        elif placed.connection == "each" or _is_at_end(placed):
            return
        else:
            passed, utterance = None, 1


def _is_final(fault: Fault, dialect: Dialect) -> bool:
    """Whether a sound plugin gives up at once."""
    if fault.id == "http":
        return fault.param in _FINAL_STATUSES
    if fault.id == "close":
        return fault.param in dialect.facts.final_closes
    if fault.id == "provider-error":
        return dialect.errors[str(fault.param)].retryable is False
    return False


_ORDER = list(Point)


def _is_at_end(placed: Placed) -> bool:
    return _ORDER.index(placed.point) >= _ORDER.index(Point.AFTER_END)


def _moment(placed: Placed) -> tuple[int, int]:
    """Where in an utterance a fault sits; only interims are counted within it."""
    return _ORDER.index(placed.point), placed.n if placed.point is Point.MID_UTTERANCE else 0
