"""One worked example of every body, by the name of its struct: a visit, charged and part paid."""

import json
from importlib.resources import files
from typing import Any, Final

EXAMPLES: Final[dict[str, Any]] = json.loads(
    (files("services.api") / "examples.json").read_text(encoding="utf-8")
)
