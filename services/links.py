"""Signed links to documents that expire: who has one may read that document until then."""

import base64
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from services.cannot_run import CannotRun
from services.execute.envelope import TENANT
from services.settings import Settings

KEY_BYTES_MIN: Final = 32
PATH: Final = "/v1/documents"
_KEY_FILE: Final = "link.key"
_DOCUMENT: Final = re.compile(r"[A-Za-z0-9_./-]{1,512}")
_TOKEN_MAX: Final = 1_024
_TAG: Final = "l1"
"""Names the form, and is signed: another form cannot be taken for this one."""


class LinkInvalid(ValueError):
    """Nobody of ours made this link, or it was changed."""


class LinkExpired(ValueError):
    """The link was good once."""


class Link(NamedTuple):
    """What a link lets somebody read, and until when (to the second)."""

    tenant: str
    document: str
    expires_at: datetime


def sign_link(keys: Sequence[bytes], link: Link) -> str:
    """The token of a link, safe in a URL; the first key signs. Raises ValueError."""
    if not TENANT.fullmatch(link.tenant) or not _DOCUMENT.fullmatch(link.document):
        raise ValueError(f"{link.document!r} of {link.tenant!r} can be in no link")
    expires_seconds = int(link.expires_at.timestamp())
    content = f"{_TAG}:{link.tenant}:{link.document}:{expires_seconds}".encode()
    return f"{_encode(content)}.{_encode(_mac(keys[0], content))}"


def read_link(keys: Sequence[bytes], token: str, now: datetime) -> Link:
    """What a token lets its bearer read; raises LinkInvalid and LinkExpired."""
    head, _, tail = token[:_TOKEN_MAX].partition(".")
    try:
        content, mac = _decode(head), _decode(tail)
    except ValueError:
        raise LinkInvalid("that is no link of ours") from None
    # Every key is tried, in constant time each: how long it takes tells nothing.
    if not sum(hmac.compare_digest(mac, _mac(key, content)) for key in keys):
        raise LinkInvalid("that is no link of ours, or it was changed")
    tag, tenant, document, expires_seconds = content.decode().split(":")
    if tag != _TAG:
        raise LinkInvalid("that is a link of another release")
    expires_at = datetime.fromtimestamp(int(expires_seconds), UTC)
    if now >= expires_at:
        raise LinkExpired(f"the link was good until {expires_at.isoformat()}: ask for a new one")
    return Link(tenant, document, expires_at)


def link_url(settings: Settings, keys: Sequence[bytes], link: Link) -> str:
    """The link as it is sent to somebody."""
    base_url = settings.link_url or f"http://{settings.api_host}:{settings.api_port}"
    return f"{base_url.rstrip('/')}{PATH}/{sign_link(keys, link)}"


def link_keys(settings: Settings) -> list[bytes]:
    """The keys of this installation: as set, or one of its own in the data directory.

    Raises CannotRun. Processes on several machines share no data directory: they need the setting.
    """
    if settings.link_keys:
        return [_key(text) for text in settings.link_keys.split()]
    path = settings.data_dir / _KEY_FILE
    try:
        return [_key(path.read_text().strip())]
    except FileNotFoundError:
        return [_make_key(path)]


def _make_key(path: Path) -> bytes:
    fresh = secrets.token_hex(KEY_BYTES_MIN)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(fresh + "\n")
            file.flush()
            os.fsync(file.fileno())
        # Of several processes that make one, all go on with the first: a link is never replaced.
        with suppress(FileExistsError):
            os.link(temporary, path)
    except OSError as failed:
        raise CannotRun(
            f"no key for signed links can be kept in {path} ({failed.strerror}): set "
            "DAYBOOK_LINK_KEYS, the same for every process"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
    return _key(path.read_text().strip())


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) < KEY_BYTES_MIN:
        raise CannotRun(
            f"DAYBOOK_LINK_KEYS (or {_KEY_FILE}) is no key of {KEY_BYTES_MIN} bytes in hex: make "
            "one with `openssl rand -hex 32`"
        )
    return key


def _mac(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, hashlib.sha256)


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encode(content) != text:
        raise ValueError("another writing of the same")
    return content
