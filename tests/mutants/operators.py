"""Mutants by syntax: what can be spoilt in a module, one thing at a time.

A mutant is a splice into the source text, so all that is not spoilt stays as it was written. Its id
names the place by function and by count, not by line: it outlives an edit elsewhere.

Each mutant names the `Sight` without which it cannot differ: a condition forced to be true matters
only where it was false. The original, with eyes in it (`watched`), says which sights a case has.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

EYE = "__saw__"
"""What `watched` calls: with the key of a place, and the value of a condition."""


@dataclass(frozen=True)
class Sight:
    """Something that happens while code runs: a place was reached, or a condition had a value."""

    key: str
    value: bool | None = None


@dataclass(frozen=True)
class Mutant:
    """A module with one thing spoilt.

    Attributes:
        id: ``module:function:operator.n``, the n-th of its kind in that function.
        module: name of the module in its package.
        operator: what was done.
        line: where, in the original.
        before, after: the text that was taken out, and what was put in.
        sight: without it, the mutant does what the original does; None if that is not known.
        source: the whole module.
    """

    id: str
    module: str
    operator: str
    line: int
    before: str
    after: str
    sight: Sight | None
    source: str


OPERATORS = {
    "if-always": "a condition is taken to be true",
    "if-never": "a condition is taken to be false",
    "operand": "one operand of `and` or `or` is left out",
    "except-pass": "a handler does nothing",
    "except-raise": "a handler raises what it caught, as it is",
    "except-narrow": "a handler, or `suppress`, catches one class less",
    "finally-drop": "the cleanup is left out",
    "await-skip": "what was awaited is not even begun",
    "await-later": "what was awaited is begun, and left to itself",
    "await-bare": "what was awaited is used unawaited",
    "timeout-drop": "a wait has no limit any more",
    "raise-return": "a failure is an ordinary end",
    "call-skip": "a call is left out",
    "longer": "a time-out is 100 times as long",
    "shorter": "a time-out is 100 times as short",
    "retryable": "what was to be retried is not, and the reverse",
}
"""By name, what each operator does."""

_TIME_OUTS = ("TIMEOUT", "SHARE")
"""How the names of constants end that limit a wait."""
_LIMITS = ("timeout", "timeout_at")
"""Context managers that limit a wait."""


def mutants_of(module: str, source: str) -> tuple[Mutant, ...]:
    """All mutants of a module, in the order of its text."""
    text = _Text(module, source)
    found = sorted(_changes(text), key=lambda change: (change.start, change.end))
    counted: Counter[str] = Counter()
    mutants = []
    for change in found:
        stem = f"{module}:{change.function}:{change.operator}"
        counted[stem] += 1
        mutants.append(
            Mutant(
                id=f"{stem}.{counted[stem]}",
                module=module,
                operator=change.operator,
                line=change.line,
                before=text.between(change.start, change.end),
                after=change.after,
                sight=change.sight,
                source=text.spliced([(change.start, change.end, change.after)]),
            )
        )
    return tuple(mutants)


def watched(module: str, source: str) -> str:
    """The module with an eye at each place and in each condition; it does what it did before."""
    text = _Text(module, source)
    splices = []
    for node in ast.walk(text.tree):
        for block in _blocks(node):
            for statement in block:
                if not text.is_elif(statement) and not _is_docstring(statement):
                    at = text.start(statement)
                    indent = "\n" + " " * statement.col_offset
                    splices.append((at, at, f"{EYE}({text.key(statement)!r}){indent}"))
        test = _test_of(node)
        if test is not None:
            start, end = text.start(test), text.end(test)
            splices.append((start, start, f"{EYE}({text.key(test)!r}, ("))
            splices.append((end, end, "))"))
    return text.spliced(splices)


# --- the text -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Change:
    start: int
    end: int
    after: str
    operator: str
    function: str
    line: int
    sight: Sight | None


class _Text:
    """Source text, its syntax tree, and the way from one to the other, in bytes as `ast` counts."""

    def __init__(self, module: str, source: str) -> None:
        self._module = module
        self.tree = ast.parse(source)
        self._bytes = source.encode()
        self._lines = [0]
        for line in self._bytes.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def start(self, node: ast.expr | ast.stmt) -> int:
        return self._lines[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._lines[node.end_lineno - 1] + node.end_col_offset

    def of(self, node: ast.expr | ast.stmt) -> str:
        return self.between(self.start(node), self.end(node))

    def between(self, start: int, end: int) -> str:
        return self._bytes[start:end].decode()

    def key(self, node: ast.expr | ast.stmt) -> str:
        return f"{self._module}:{node.lineno}:{node.col_offset}"

    def is_elif(self, statement: ast.stmt) -> bool:
        return isinstance(statement, ast.If) and self.of(statement).startswith("elif")

    def spliced(self, splices: Sequence[tuple[int, int, str]]) -> str:
        parts: list[bytes] = []
        at = 0
        for start, end, new in sorted(splices, key=lambda splice: splice[:2]):
            parts += [self._bytes[at:start], new.encode()]
            at = end
        return b"".join([*parts, self._bytes[at:]]).decode()


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The bodies of what is executed; those of modules and classes only define."""
    if isinstance(node, (ast.Module, ast.ClassDef)):
        return
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _test_of(node: ast.AST) -> ast.expr | None:
    match node:
        case ast.If() | ast.IfExp() | ast.While():
            return None if isinstance(node.test, ast.Constant) else node.test
        case ast.match_case():
            return node.guard
    return None


# --- the operators --------------------------------------------------------------------------------


def _changes(text: _Text) -> Iterator[_Change]:
    yield from _constants(text)
    for function, statement, node in _within(text, text.tree, "", None):
        for start, end, after, operator, line, sight in _spoilt(text, statement, node):
            yield _Change(start, end, after, operator, function, line, sight)


def _within(
    text: _Text, node: ast.AST, function: str, statement: ast.stmt | None
) -> Iterator[tuple[str, ast.stmt, ast.AST]]:
    """Each node inside a function, with the function and the innermost statement around it."""
    if isinstance(node, ast.stmt) and not text.is_elif(node):
        statement = node
    if function and statement is not None:
        yield function, statement, node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            named = f"{function}.{child.name}".lstrip(".")
            inner = "" if isinstance(child, ast.ClassDef) else named
            if isinstance(child, ast.ClassDef):
                for member in child.body:
                    if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)):
                        yield from _body(text, member, f"{named}.{member.name}")
            else:
                yield from _body(text, child, inner)
        else:
            yield from _within(text, child, function, statement)


def _body(
    text: _Text, function: ast.FunctionDef | ast.AsyncFunctionDef, name: str
) -> Iterator[tuple[str, ast.stmt, ast.AST]]:
    for statement in function.body:
        yield from _within(text, statement, name, None)


_Spoilt = tuple[int, int, str, str, int, Sight | None]


def _spoilt(text: _Text, statement: ast.stmt, node: ast.AST) -> Iterator[_Spoilt]:
    reached = Sight(text.key(statement))

    def of(
        place: ast.expr | ast.stmt, after: str, operator: str, sight: Sight = reached
    ) -> _Spoilt:
        return text.start(place), text.end(place), after, operator, place.lineno, sight

    test = _test_of(node)
    if test is not None:
        yield of(test, "False", "if-never", Sight(text.key(test), True))
        if not isinstance(node, ast.While):
            yield of(test, "True", "if-always", Sight(text.key(test), False))
    match node:
        case ast.BoolOp(op=op, values=values):
            word = " and " if isinstance(op, ast.And) else " or "
            for left_out in values:
                rest = word.join(text.of(value) for value in values if value is not left_out)
                yield of(node, f"({rest})", "operand")
        case ast.ExceptHandler(type=caught, body=body):
            entered = Sight(text.key(body[0]))
            start, end = text.start(body[0]), text.end(body[-1])
            for after, operator in (("pass", "except-pass"), ("raise", "except-raise")):
                if text.between(start, end) != after:
                    yield start, end, after, operator, node.lineno, entered
            if caught is not None:
                for after in _fewer(text, caught.elts if isinstance(caught, ast.Tuple) else []):
                    yield of(caught, after, "except-narrow", entered)
        case ast.Call(func=ast.Name(id="suppress"), args=args):
            for after in _fewer(text, args):
                yield of(node, f"suppress(*{after})", "except-narrow")
        case ast.Try(finalbody=[first, *_] as body):
            start, end = text.start(first), text.end(body[-1])
            yield start, end, "pass", "finally-drop", first.lineno, Sight(text.key(first))
        case ast.Expr(value=ast.Await(value=awaited)):
            yield of(node, "pass", "await-skip")
            yield of(node, f"asyncio.ensure_future({text.of(awaited)})", "await-later")
        case ast.Await(value=awaited) if not isinstance(statement, ast.Expr):
            yield of(node, f"({text.of(awaited)})", "await-bare")
        case ast.withitem(context_expr=ast.Call(func=ast.Name(id=name)) as call) if name in _LIMITS:
            yield of(call, f"{name}(None)", "timeout-drop")
        case ast.keyword(arg="timeout", value=value):
            yield of(value, "None", "timeout-drop")
        case ast.keyword(arg="retryable", value=value):
            yield of(value, f"not ({text.of(value)})", "retryable")
        case ast.Assign(targets=[ast.Attribute(attr="retryable")], value=value):
            yield of(value, f"not ({text.of(value)})", "retryable")
        case ast.Raise():
            yield of(node, "return", "raise-return")
        case ast.Expr(value=ast.Call()):
            yield of(node, "pass", "call-skip")


def _fewer(text: _Text, classes: Sequence[ast.expr]) -> Iterator[str]:
    """Tuples of exception classes, each with one of them less; without a tuple, nothing is left."""
    if len(classes) < 2:
        yield "()"
        return
    for left_out in classes:
        yield "(" + "".join(f"{text.of(c)}, " for c in classes if c is not left_out) + ")"


def _constants(text: _Text) -> Iterator[_Change]:
    """Time-outs, in seconds or as a share of another one: constants of the module."""
    for node in text.tree.body:
        match node:
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.Constant(value=float()) as value
            ) if name.endswith(_TIME_OUTS):
                yield from _scaled(text, name, value)


def _scaled(text: _Text, name: str, value: ast.Constant) -> Iterator[_Change]:
    start, end = text.start(value), text.end(value)
    for operator, sign in (("longer", "*"), ("shorter", "/")):
        after = f"{text.of(value)} {sign} 100"
        yield _Change(start, end, after, operator, name, value.lineno, None)
