"""A fault with its parameter, and its place in a session: plain frozen data.

The text form is public and stable: ``close=1011@mid-utterance.2`` (see `parse_placed`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from sttkit.errors import UsageError, unknown_name
from sttkit.faults.catalogue import FaultKind, Parameter, Point, kind_of

Connection = Literal["next", "each"] | int
"""Which connection: the next that gets there, the n-th from here (1, 2, …), or each from now."""


@dataclass(frozen=True)
class Fault:
    """A fault of the catalogue with its parameter (None where it takes none)."""

    id: str
    param: int | float | str | None = None

    @property
    def kind(self) -> FaultKind:
        return kind_of(self.id)

    @property
    def seconds(self) -> float:
        """The parameter as seconds; only for faults that take seconds."""
        assert isinstance(self.param, (int, float))
        return float(self.param)

    def __str__(self) -> str:
        return self.id if self.param is None or self.param == "" else f"{self.id}={self.param}"


@dataclass(frozen=True)
class Placed:
    """A fault at a point: its ``n``-th occurrence, on ``connection``."""

    fault: Fault
    point: Point
    n: int = 1
    connection: Connection = "next"

    def __str__(self) -> str:
        place = f"{self.fault}@{self.point.value}"
        if self.n != 1:
            place += f".{self.n}"
        return place if self.connection == "next" else f"{place}:{self.connection}"


@dataclass(frozen=True)
class FaultMaker:
    """Makes one kind of fault: ``faults.close(1011, at="mid-utterance", n=2)``."""

    id: str

    def __call__(
        self,
        param: int | float | str | None = None,
        *,
        at: str | Point,
        n: int = 1,
        connection: Connection = "next",
    ) -> Placed:
        """The fault, placed.

        Args:
            param: what `sttkit faults ID` says: a code, seconds, bytes, or a name; None for the
                fault's default.
            at: the point of a session.
            n: which occurrence of the point, from 1.
            connection: ``next`` that gets there, the n-th from here, or ``each`` from now on.

        Raises:
            UsageError: no such point, a point where this fault makes no sense, or a parameter that
                is missing, of the wrong type or not taken.
        """
        return place(Fault(self.id, param), at, n=n, connection=connection)


def place(
    fault: Fault,
    at: str | Point,
    *,
    n: int = 1,
    connection: Connection = "next",
    where: str | None = None,
) -> Placed:
    """``fault`` at a point, checked against the catalogue; see `FaultMaker.__call__`."""
    kind = kind_of(fault.id, where=where)
    try:
        point = Point(at)
    except ValueError:
        raise unknown_name("point", str(at), [p.value for p in Point], where=where) from None
    if point not in kind.points:
        raise UsageError(
            f"{fault.id} makes no sense at {point.value}",
            where=where,
            expected="one of: " + ", ".join(p.value for p in kind.points),
        )
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= 1000:
        raise UsageError(f"occurrence {n!r}", where=where, expected="n from 1 to 1000")
    if connection not in ("next", "each") and (
        isinstance(connection, bool) or not isinstance(connection, int) or connection < 1
    ):
        raise UsageError(
            f"connection {connection!r}", where=where, expected="next, each, or a number from 1"
        )
    return Placed(Fault(fault.id, _checked(kind, fault.param, where=where)), point, n, connection)


def parse_fault(text: str, *, where: str | None = None) -> Fault:
    """``close=1011`` or ``reset`` as a `Fault`.

    Raises:
        UsageError: an unknown fault or an unusable parameter.
    """
    fault_id, equals, raw = text.partition("=")
    kind = kind_of(fault_id, where=where)
    return Fault(fault_id, _checked(kind, raw if equals else None, where=where))


def parse_placed(text: str, *, where: str | None = None) -> Placed:
    """``fault[=param]@point[.n][:connection]`` as a `Placed`.

    Raises:
        UsageError: the text is of another form, or names what there is not.
    """
    spelled, at, place_text = text.partition("@")
    if not at:
        raise UsageError(f"{text!r} has no point", where=where, expected="fault[=param]@point[.n]")
    place_text, _, connection_text = place_text.partition(":")
    point, _, n_text = place_text.partition(".")
    connection: Connection = "next"
    if connection_text in ("next", "each"):
        connection = "each" if connection_text == "each" else "next"
    elif connection_text:
        connection = _whole(connection_text, "connection", where)
    n = _whole(n_text, "occurrence", where) if n_text else 1
    return place(parse_fault(spelled, where=where), point, n=n, connection=connection, where=where)


def _whole(text: str, what: str, where: str | None) -> int:
    if not text.isdecimal():
        raise UsageError(f"{what} {text!r}", where=where, expected="a whole number")
    return int(text)


def _checked(
    kind: FaultKind, param: int | float | str | None, *, where: str | None
) -> int | float | str | None:
    parameter = kind.parameter
    if parameter is None:
        if param is not None:
            raise UsageError(f"{kind.id} takes no parameter, got {param!r}", where=where)
        return None
    if param is None:
        return parameter.default
    return checked(kind.id, parameter, param, where=where)


def checked(
    name: str, parameter: Parameter, param: int | float | str, *, where: str | None
) -> int | float | str:
    """``param`` as a value of ``parameter``, which belongs to the fault or action ``name``.

    Raises:
        UsageError: it is of the wrong type, or out of range.
    """
    value = _converted(parameter, param)
    if value is None:
        raise UsageError(
            f"{name} with {parameter.name} {param!r}",
            where=where,
            expected={
                "int": f"a whole number from {parameter.least} to {parameter.most}",
                "seconds": f"seconds from {parameter.least} to {parameter.most}",
                "name": "a name of letters, digits and . _ -",
            }[parameter.kind],
        )
    if parameter.kind == "name" and parameter.choices and value not in parameter.choices:
        raise unknown_name(
            f"{name} {parameter.name}",
            str(value),
            [str(c) for c in parameter.choices],
            where=where,
        )
    return value


def _converted(parameter: Parameter, param: object) -> int | float | str | None:
    if isinstance(param, bool) or not isinstance(param, (int, float, str)):
        return None
    if parameter.kind == "name":
        # Nothing that means something else in a case id.
        return str(param) if re.fullmatch(r"[\w.-]*", str(param), re.ASCII) else None
    try:
        number = int(param) if parameter.kind == "int" else float(param)
        exact = number == float(param)
    except (ValueError, OverflowError):
        return None
    return number if exact and parameter.least <= number <= parameter.most else None
