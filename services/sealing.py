"""Seal and open personal data at the edges: AES-256-GCM under a key per subject.

The row of `subject_keys` is the only place where a key lives; once it is deleted, everything that
was sealed under it stays unreadable for ever.
"""

import base64
import hashlib
import os
from collections.abc import Iterable, Sequence
from typing import Final

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.private import Private
from services.tenant_view import tenant_view

_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
_MADE: Final = (
    "INSERT INTO subject_keys (tenant, subject_id, key)"
    " SELECT $1, s.subject_id, s.key FROM unnest($2::text[], $3::bytea[]) AS s (subject_id, key)"
    " ORDER BY s.subject_id ON CONFLICT DO NOTHING"
)
_FOUND: Final = (
    "SELECT subject_id, key FROM subject_keys WHERE tenant = $1 AND subject_id = ANY ($2)"
)

Keys = dict[str, bytes]


class Unsealable(ValueError):
    """A sealed text that its subject's key does not open: it was tampered with or mixed up."""


async def make_keys(pool: asyncpg.Pool, tenant: str, subjects: Iterable[str]) -> Keys:
    """The keys of these subjects, made where there is none; the pool acts as daybook_writer."""
    wanted = set(subjects)
    if not wanted:
        return {}
    async with tenant_view(pool, tenant) as connection:
        return await make_keys_within(connection, tenant, wanted)


async def make_keys_within(
    connection: PoolConnectionProxy, tenant: str, subjects: Iterable[str]
) -> Keys:
    """The same within a transaction that sees the tenant: they are made if that commits."""
    wanted = sorted(set(subjects))
    rows = await connection.fetch(_FOUND, tenant, wanted)
    missing = sorted(set(wanted) - {row["subject_id"] for row in rows})
    if missing:
        fresh = [os.urandom(_KEY_BYTES) for _ in missing]
        await connection.execute(_MADE, tenant, missing, fresh)
        rows = await connection.fetch(_FOUND, tenant, wanted)
    return {row["subject_id"]: row["key"] for row in rows}


async def find_keys(pool: asyncpg.Pool, tenant: str, subjects: Sequence[str]) -> Keys:
    """The keys that are still there; a forgotten subject is missing."""
    async with tenant_view(pool, tenant) as connection:
        rows = await connection.fetch(_FOUND, tenant, sorted(set(subjects)))
    return {row["subject_id"]: row["key"] for row in rows}


def seal(keys: Keys, tenant: str, subject: str, text: str) -> Private:
    """Seal a personal field; tenant and subject are authenticated with it."""
    key, nonce = keys[subject], os.urandom(_NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, text.encode(), _bound(tenant, subject))
    return Private(subject=subject, sealed=base64.b64encode(_id(key) + nonce + sealed).decode())


def open_sealed(keys: Keys, tenant: str, private: Private) -> str | None:
    """The text, or None when its subject was forgotten; raises Unsealable."""
    key = keys.get(private.subject)
    if key is None:
        return None
    try:
        content = base64.b64decode(private.sealed, validate=True)
        key_id, nonce = content[:_ID_BYTES], content[_ID_BYTES : _ID_BYTES + _NONCE_BYTES]
        if len(key_id) == _ID_BYTES and key_id != _id(key):
            return (
                None  # Forgotten and come back: what was sealed before has lost its key for good.
            )
        text = AESGCM(key).decrypt(
            nonce, content[_ID_BYTES + _NONCE_BYTES :], _bound(tenant, private.subject)
        )
    except (InvalidTag, ValueError):  # changed, cut short, or no base64 at all
        raise Unsealable(f"a field of subject {private.subject!r} does not open") from None
    return text.decode()


def _id(key: bytes) -> bytes:
    """Tells the key of a subject from an earlier, deleted one; says nothing about the key."""
    return hashlib.sha256(b"key id" + key).digest()[:_ID_BYTES]


def _bound(tenant: str, subject: str) -> bytes:
    return f"{tenant}\0{subject}".encode()
