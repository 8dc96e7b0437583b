"""JSON Schemas of the message shapes, as msgspec has them, made fit for readers of other makes."""

from collections.abc import Sequence
from typing import Any

import msgspec


def schemas_of(
    shapes: Sequence[type[msgspec.Struct]], ref_template: str, *, open_enums: bool
) -> tuple[list[str], dict[str, Any]]:
    """References to these shapes' schemas, and every schema they need by its name, sorted.

    With `open_enums` a value that is not listed is valid: what we send may say more next year, and
    a reader that was built this year must be able to read it.
    """
    roots, components = msgspec.json.schema_components(shapes, ref_template=ref_template)
    schemas = {
        name_of(ref_template.format(name=name)): (
            _opened(schema) if open_enums and "enum" in schema else schema
        )
        for name, schema in sorted(components.items())
    }
    return [root["$ref"] for root in roots], schemas


def name_of(reference: str) -> str:
    """The name of the schema that a reference leads to."""
    return reference.rpartition("/")[2]


def _opened(schema: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in schema.items() if key != "enum"}
    return rest | {"type": "string", "x-extensible-enum": schema["enum"]}
