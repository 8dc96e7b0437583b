"""The published language as documents: `python -m contracts.publish` writes contracts/schemas/.

A JSON Schema (2020-12) for each message and version and for the file of a workflow, and one
AsyncAPI document over all messages.
"""

import json
from pathlib import Path
from typing import Any, Final

import msgspec

from contracts.asyncapi import asyncapi
from contracts.bus import schema_of
from contracts.catalogue import CATALOGUE
from contracts.inbound import INBOUND
from contracts.schema import name_of, schemas_of
from contracts.workflow import WorkflowDefinition

FOLDER: Final = Path(__file__).parent / "schemas"
WORKFLOW: Final = "workflow-definition"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of every message that is sent or taken, by wire type."""
    sent = {
        entry.wire_type: _schema(entry.wire_type, entry.shape, open_enums=True)
        | ({"deprecated": True} if entry.upcast else {})
        for entry in CATALOGUE
    }
    taken = {
        message.wire_type: _schema(message.wire_type, message.shape, open_enums=False)
        for message in INBOUND
    }
    return sent | taken


def documents() -> dict[str, str]:
    """Every document by its file name; the same contracts always give the same text."""
    found = {f"{wire_type}.json": _text(schema) for wire_type, schema in schemas().items()}
    workflow = _schema(WORKFLOW, WorkflowDefinition, open_enums=False)
    return found | {"asyncapi.json": _text(asyncapi()), f"{WORKFLOW}.json": _text(workflow)}


def publish(folder: Path) -> None:
    """Write every document, and remove schemas of types that are no longer there."""
    folder.mkdir(exist_ok=True)
    found = documents()
    for path in folder.glob("*.v*.json"):
        if path.name not in found:
            path.unlink()
    for name, text in found.items():
        (folder / name).write_text(text)


def _schema(wire_type: str, shape: type[msgspec.Struct], *, open_enums: bool) -> dict[str, Any]:
    references, definitions = schemas_of([shape], "#/$defs/{name}", open_enums=open_enums)
    root: dict[str, Any] = definitions.pop(name_of(references[0]))
    head = {"$schema": _DIALECT, "$id": schema_of(wire_type)}
    tail = {"$defs": definitions} if definitions else {}
    return head | root | {"title": wire_type} | tail


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    publish(FOLDER)
