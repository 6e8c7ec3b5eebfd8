"""The JSON Schema of the format, made from the classes of `sttkit.cassette.model`.

python -m sttkit.cassette.schema > cassettes/cassette.schema.json
"""

from __future__ import annotations

import inspect
import sys

import msgspec

from sttkit.cassette.model import AnyEntry, Header


def json_schema() -> bytes:
    """The schema of one line, as it is published."""
    (header, entries), definitions = msgspec.json.schema_components(
        [Header, AnyEntry], ref_template="#/$defs/{name}"
    )
    for definition in definitions.values():
        if "description" in definition:  # as Python indents it, which depends on its version
            definition["description"] = inspect.cleandoc(definition["description"])
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of an sttkit cassette: the header first, then entries",
        "anyOf": [header, *entries["anyOf"]],
        "$defs": definitions,
    }
    return msgspec.json.format(msgspec.json.encode(schema), indent=1) + b"\n"


if __name__ == "__main__":
    sys.stdout.buffer.write(json_schema())
