"""YAML's plain data, of which each piece knows its line: mappings, lists, text, numbers, null.

Tags, anchors and aliases are refused, which also keeps out documents that expand beyond their size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sttkit.errors import ScriptError, unknown_name

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 1_000_000
MAX_DEPTH = 20


class Node:
    """A piece of a document; what it is asked for and is not, is a ScriptError at its place.

    Args:
        document: name of the document, in messages.
        node: as PyYAML composed it.
    """

    def __init__(self, document: str, node: yaml.Node) -> None:
        self._document = document
        self._node = node

    @property
    def where(self) -> str:
        """Its place: document, line and column, from 1."""
        return _place(self._document, self._node.start_mark)

    def data(self) -> Any:
        """What it says, as Python's own data."""
        import yaml

        try:
            return yaml.SafeLoader("").construct_document(self._node)
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            # A date in February's sixth week, a number of 5,000 digits, a list as a key.
            problem = getattr(error, "problem", None) or error
            raise ScriptError(f"a value that is none ({problem})", where=self.where) from None

    @property
    def form(self) -> str:
        """mapping, sequence or scalar."""
        return str(getattr(self._node, "id", "node"))

    def items(self) -> list[Node]:
        """The items of a list."""
        import yaml

        if not isinstance(self._node, yaml.SequenceNode):
            raise ScriptError(f"a {self.form}", where=self.where, expected="a list")
        return [Node(self._document, child) for child in self._node.value]

    def fields(self, known: tuple[str, ...]) -> dict[str, Node]:
        """The values of a mapping that has no other keys than these."""
        if self.form != "mapping":
            raise ScriptError(
                f"a {self.form}",
                where=self.where,
                expected="a mapping with: " + ", ".join(known),
            )
        fields: dict[str, Node] = {}
        for key, value in self._pairs():
            name = key._spelled
            if name not in known:
                raise ScriptError(str(unknown_name("key", name, known)), where=key.where)
            if name in fields:
                raise ScriptError(f"the key {name!r} twice", where=key.where)
            fields[name] = value
        return fields

    def find(self, name: str) -> Node | None:
        """The value of a key; None if this is no mapping that has it."""
        return next((value for key, value in self._pairs() if key._spelled == name), None)

    def scalars(self) -> dict[str, str]:
        """What is no list and no mapping among the values of a mapping: each as it is spelled."""
        return {
            key._spelled: value._spelled for key, value in self._pairs() if value.form == "scalar"
        }

    def text(self) -> str:
        """Text, and nothing that only looks like it."""
        value = self.data()
        if not isinstance(value, str):
            raise ScriptError(f"{value!r}", where=self.where, expected="text")
        return value

    def integer(self, *, least: int, most: int) -> int:
        """A whole number."""
        value = self.data()
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ScriptError(
                f"{value!r}", where=self.where, expected=f"a whole number from {least} to {most}"
            )
        return value

    def seconds(self) -> float:
        """A duration."""
        value = self.data()
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e5:
            raise ScriptError(f"{value!r}", where=self.where, expected="seconds, 0 or more")
        return float(value)

    @property
    def _spelled(self) -> str:
        return str(self._node.value)

    def _pairs(self) -> list[tuple[Node, Node]]:
        if self.form != "mapping":
            return []
        pairs = self._node.value
        return [(Node(self._document, key), Node(self._document, value)) for key, value in pairs]


def root_of(text: str, name: str) -> Node:
    """The document that ``text`` is; ``name`` stands for it in messages.

    Raises:
        ScriptError: the text is not YAML, is too much of it, or more than plain data.
    """
    import yaml

    if len(text) > MAX_BYTES:
        raise ScriptError("too large", where=name, expected=f"at most {MAX_BYTES} bytes")
    try:
        _refuse_more_than_data(text, name)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise ScriptError(
            f"not YAML: {error.problem or error.context}",
            where=_place(name, error.problem_mark or error.context_mark),
        ) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ScriptError(f"not YAML: {error}", where=name) from None
    if node is None:
        raise ScriptError("empty", where=name, expected="a mapping with sttkit: 1")
    return Node(name, node)


def _refuse_more_than_data(text: str, name: str) -> None:
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:  # each level costs the parser more than the one before
            raise ScriptError("nested too deeply", where=_place(name, event.start_mark))
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ScriptError(
                "an anchor or alias", where=_place(name, event.start_mark), expected="plain data"
            )
        tag = getattr(event, "tag", None)
        if tag is not None and tag != "!":
            raise ScriptError(
                f"the tag {tag!r}",
                where=_place(name, event.start_mark),
                expected="plain data, no tags",
            )


def _place(name: str, mark: Any) -> str:
    return name if mark is None else f"{name}:{mark.line + 1}:{mark.column + 1}"
