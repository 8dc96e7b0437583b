"""The document for people: one page without scripts, so that it needs no network but this API."""

import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any, Final

from litestar import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

from services.api.document import Rendered

_CODE: Final = re.compile(r"`([^`]+)`")
_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882 }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
h2 { margin-top: 2.5rem; text-transform: capitalize }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; padding: .5rem .8rem }
summary { cursor: pointer }
summary b { display: inline-block; font: 600 13px monospace; width: 3.2rem }
summary code { font-weight: 600 }
summary span { float: right; opacity: .7 }
code, pre { background: var(--soft); border-radius: 4px; font-size: 13px; padding: .1rem .3rem }
pre { overflow-x: auto; padding: .6rem }
table { border-collapse: collapse; width: 100% }
td { border-top: 1px solid var(--line); padding: .3rem .6rem .3rem 0; vertical-align: top }
td:first-child { white-space: nowrap }
"""


class Reference(OpenAPIRenderPlugin):
    """The page at /schema; the document that programs read is linked from it."""

    def __init__(self) -> None:
        super().__init__(path="/")
        self._rendered = Rendered(lambda found: "".join(_page(found)).encode())

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The whole page."""
        return self._rendered.of(request.app)


def _page(found: dict[str, Any]) -> Iterator[str]:
    info = found["info"]
    title = f"{escape(info['title'])} {escape(info['version'])}"
    yield (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f"<style>{_STYLE}</style><h1>{title}</h1>{_prose(info['description'])}"
        '<p><a href="/schema/openapi.json">OpenAPI 3.1</a></p>'
    )
    for tag, operations in sorted(_by_tag(found).items()):
        yield f"<h2>{escape(tag)}</h2>"
        for method, path, operation in operations:
            yield from _operation(found, method, path, operation)


def _by_tag(found: dict[str, Any]) -> dict[str, list[tuple[str, str, dict[str, Any]]]]:
    tags: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, item in found["paths"].items():
        for method, operation in item.items():
            tags.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    return tags


def _operation(
    found: dict[str, Any], method: str, path: str, operation: dict[str, Any]
) -> Iterator[str]:
    yield (
        f"<details><summary><b>{method}</b> <code>{escape(path)}</code>"
        f" <span>{escape(operation['summary'])}</span></summary>"
        f"{_prose(operation['description'])}"
    )
    shared = found["components"]["parameters"]
    rows = [
        _parameter(shared[entry["$ref"].rpartition("/")[2]] if "$ref" in entry else entry)
        for entry in operation["parameters"]
    ]
    yield f"<table>{''.join(rows)}</table>"
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield f"<h4>Request</h4>{_example(content)}"
    yield "<h4>Answers</h4><table>"
    for status, response in sorted(operation["responses"].items()):
        example = "".join(map(_example, response.get("content", {}).values()))
        yield f"<tr><td>{status}<td>{escape(response['description'])}{example}"
    yield "</table></details>"


def _parameter(parameter: dict[str, Any]) -> str:
    needed = ", required" if parameter.get("required") else ""
    return (
        f"<tr><td><code>{escape(parameter['name'])}</code><td>{parameter['in']}{needed}"
        f"<td>{_inline(parameter['description'])}"
    )


def _example(content: dict[str, Any]) -> str:
    if "example" not in content:
        return ""
    text = json.dumps(content["example"], indent=2, ensure_ascii=False)
    return f"<pre>{escape(text)}</pre>"


def _prose(text: str) -> str:
    return "".join(f"<p>{_inline(part)}</p>" for part in text.strip().split("\n\n"))


def _inline(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text))
