"""Objects: how they are named, what goes wrong with a store of them, and where the store lies."""

import ipaddress
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from services.cannot_run import CannotRun
from services.execute.envelope import TENANT

KEY_LENGTH_MAX: Final = 512
FOLDER: Final = "objects"
_PART: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SCHEMES: Final = ("file", "s3", "gs", "az")


class ObjectFailure(Exception):
    """Something about an object or its store; the text says what, where and what to do."""


class ObjectNotFound(ObjectFailure):
    """There is no such object."""


class ObjectStoreDenied(ObjectFailure):
    """The store knows us not, lets us not, or has no such bucket."""


class ObjectStoreUnreachable(ObjectFailure):
    """The store does not answer, or not in time: to be tried again."""


class ObjectStoreUnusable(CannotRun):
    """DAYBOOK_OBJECT_STORE or an endpoint that nothing can be kept at."""


class ObjectFound(NamedTuple):
    """An object that is there, whole."""

    key: str
    size_bytes: int


class ObjectOpened(NamedTuple):
    """An object that is being read."""

    size_bytes: int
    chunks: AsyncIterator[bytes]


def object_key(tenant: str, *parts: str) -> str:
    """The key of a tenant's object; raises ValueError for what could lead elsewhere."""
    key = "/".join((tenant, *parts))
    check_key(key)
    return key


def check_key(key: str) -> None:
    """Refuse a key that is not below a tenant, or that leads out of it; raises ValueError."""
    tenant, *parts = key.split("/")
    if not TENANT.fullmatch(tenant):
        raise ValueError(f"{key!r} does not begin with a tenant, such as demo/")
    if not parts or len(key) > KEY_LENGTH_MAX or not all(map(_PART.fullmatch, parts)):
        raise ValueError(
            f"{key!r} is no key: parts of letters, digits and . _ - behind the tenant, "
            f"none beginning with a dot, at most {KEY_LENGTH_MAX} characters"
        )


def check_prefix(prefix: str) -> None:
    """Refuse a prefix that is not a tenant, or parts of a key behind one; raises ValueError."""
    check_key(f"{prefix.removesuffix('/')}/x")


def store_url(given: str, data_dir: Path) -> str:
    """The store of an installation: what is set, or a folder of the data directory.

    Raises ObjectStoreUnusable.
    """
    if not given:
        return (data_dir.absolute() / FOLDER).as_uri()
    split = urlsplit(given)
    named = not split.netloc and split.path[:1] == "/" if split.scheme == "file" else split.netloc
    if split.scheme not in _SCHEMES or not named or split.username or split.query:
        raise ObjectStoreUnusable(
            f"DAYBOOK_OBJECT_STORE={given!r} is no store: give file:///folder, s3://bucket/prefix,"
            " gs://bucket/prefix or az://container/prefix; credentials come from the environment"
        )
    return given


def check_endpoint(endpoint: str) -> bool:
    """Whether an endpoint is plain http, which loopback may be; raises ObjectStoreUnusable."""
    split = urlsplit(endpoint)
    if split.scheme == "https" and split.hostname:
        return False
    if split.scheme == "http" and _is_loopback(split.hostname):
        return True
    raise ObjectStoreUnusable(
        f"the object store's endpoint {endpoint!r} is not usable: give an https:// address; "
        "plain http:// is for a server on loopback alone"
    )


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
