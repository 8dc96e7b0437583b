"""The API's document as a file: `python -m services.api.publish` writes contracts/schemas/."""

import json
from pathlib import Path
from typing import Final

from contracts.publish import FOLDER
from services.api.app import routes_app
from services.api.document import document

FILE: Final = FOLDER / "openapi.json"


def text() -> str:
    """The document; the same routes always give the same text."""
    return json.dumps(document(routes_app()), indent=2, ensure_ascii=False) + "\n"


def publish(file: Path) -> None:
    """Write the document."""
    file.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    publish(FILE)
