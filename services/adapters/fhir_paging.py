"""The links between the pages of another FHIR server, which lead nowhere else."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from services.ports import FhirAway


def following(bundle: Mapping[str, Any], type_: str, base: str, netloc: str) -> str:
    """The path and query of the next page, which this very server has; empty at the end.

    Some servers answer it at their base itself, some say it from there on. Raises FhirAway for one
    that is elsewhere.
    """
    links = [link for link in bundle.get("link") or () if link.get("relation") == "next"]
    if not links:
        return ""
    parts = urlsplit(str(links[0].get("url")))
    is_here = not parts.netloc or _host(parts) == _host(urlsplit(f"//{netloc}"))
    path = "/" + parts.path.removeprefix("/")
    if path != f"/{type_}":
        is_here = is_here and f"{path}/".startswith(f"{base}/")
        path = path.removeprefix(base)
    if not is_here or {".", ".."} & {*unquote(path).split("/")}:
        raise FhirAway(f"the next page is elsewhere ({parts.netloc}): not followed")
    return f"{path}?{parts.query}" if parts.query else path


def _host(parts: SplitResult) -> tuple[str | None, int | None]:
    """A host and its port, which is None where it is the usual one."""
    return parts.hostname, None if parts.port in (80, 443) else parts.port
