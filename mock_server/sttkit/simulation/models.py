"""Pydantic models with a clock as the default of a field.

``created_at: float = Field(default_factory=time.time)`` ends up in a validator written in Rust,
where nothing can be replaced; so each such model gets a second validator.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any


def model_validators(
    substitute_of: Mapping[int, Any], done: set[Any]
) -> Iterator[tuple[Any, Any, Any]]:
    """Each new model with a clock among its defaults, its validator, and one with substitutes.

    Models inside other models keep the validator that the outer one was built with.

    Args:
        substitute_of: substitutes by the identity of what they stand for.
        done: models that were looked at before; the new ones are added.
    """
    base = getattr(sys.modules.get("pydantic"), "BaseModel", None)
    core = sys.modules.get("pydantic_core")
    if base is None or core is None:
        return
    for model in _subclasses(base):
        if model in done:
            continue
        done.add(model)
        fields = model.__dict__.get("__pydantic_fields__") or {}
        if not any(id(field.default_factory) in substitute_of for field in fields.values()):
            continue
        try:
            schema = _copied(model.__pydantic_core_schema__, substitute_of)
            yield model, model.__pydantic_validator__, _validator(core, schema)
        except Exception:  # not built yet, or of another time: its defaults stay real
            continue


def _subclasses(base: Any) -> Iterator[Any]:
    found, waiting = {base}, [base]
    while waiting:
        for model in waiting.pop().__subclasses__():
            if model not in found:
                found.add(model)
                waiting.append(model)
                yield model


def _copied(schema: Any, substitute_of: Mapping[int, Any]) -> Any:
    if isinstance(schema, Mapping):
        return {key: _copied(value, substitute_of) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_copied(value, substitute_of) for value in schema]
    if isinstance(schema, tuple):
        return tuple(_copied(value, substitute_of) for value in schema)
    return substitute_of.get(id(schema), schema)


def _validator(core: Any, schema: Any) -> Any:
    try:
        # Else newer versions take the finished validator from the class.
        return core.SchemaValidator(schema, None, _use_prebuilt=False)
    except TypeError:
        return core.SchemaValidator(schema)
