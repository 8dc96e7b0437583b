"""Payloads are sealed before they leave for Temporal: AES-256-GCM under a key per tenant.

The key lives in `subject_keys` beside those of persons, so every process finds it, nothing is to be
configured, and deleting it makes all that Temporal holds of a tenant unreadable.
"""

import os
from collections.abc import Sequence
from typing import Final, Self

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from services.sagas import workflow_ids
from services.sealing import find_keys, make_keys

# A leading space: ids of persons cannot have one, so no person's key is ever meant.
SUBJECT: Final = " temporal-payloads"
ENCODING: Final = b"binary/daybook-sealed"
_NONCE_BYTES: Final = 12


class PayloadKeyMissing(LookupError):
    """The tenant's key was deleted: what was sealed under it stays unreadable."""


class PayloadUnsealable(ValueError):
    """A payload that the tenant's key does not open: it was tampered with or mixed up."""


class PayloadKeys:
    """The keys of tenants, from Postgres and then from memory."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._keys: dict[str, bytes] = {}

    async def to_seal(self, tenant: str) -> bytes:
        """The tenant's key, made when there is none."""
        if tenant not in self._keys:
            self._keys[tenant] = (await make_keys(self._pool, tenant, [SUBJECT]))[SUBJECT]
        return self._keys[tenant]

    async def to_open(self, tenant: str) -> bytes:
        """The tenant's key; raises PayloadKeyMissing."""
        if tenant not in self._keys:
            found = await find_keys(self._pool, tenant, [SUBJECT])
            if SUBJECT not in found:
                raise PayloadKeyMissing(f"tenant {tenant!r} has no key of Temporal payloads")
            self._keys[tenant] = found[SUBJECT]
        return self._keys[tenant]


class SealedPayloads(PayloadCodec, WithSerializationContext):
    """Seals under the key of the tenant that the workflow's id names, and opens again."""

    def __init__(self, keys: PayloadKeys, workflow_id: str | None = None) -> None:
        self._keys = keys
        self._workflow_id = workflow_id

    def with_context(self, context: SerializationContext) -> Self:
        """The codec for the payloads of one workflow."""
        match context:
            case WorkflowSerializationContext() | ActivitySerializationContext():
                return type(self)(self._keys, context.workflow_id)
            case _:
                return self

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Seal; raises ValueError for a workflow that is none of ours."""
        tenant = workflow_ids.read(self._workflow_id or "").tenant
        key = AESGCM(await self._keys.to_seal(tenant))
        return [_sealed(key, tenant, payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open what is sealed; raises PayloadKeyMissing and PayloadUnsealable."""
        return [
            await self._opened(payload) if payload.metadata["encoding"] == ENCODING else payload
            for payload in payloads
        ]

    async def _opened(self, payload: Payload) -> Payload:
        tenant = payload.metadata["tenant"].decode()
        key = AESGCM(await self._keys.to_open(tenant))
        nonce, sealed = payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:]
        try:
            return Payload.FromString(key.decrypt(nonce, sealed, tenant.encode()))
        except InvalidTag:
            raise PayloadUnsealable(f"a payload of tenant {tenant!r} does not open") from None


def _sealed(key: AESGCM, tenant: str, payload: Payload) -> Payload:
    nonce = os.urandom(_NONCE_BYTES)
    data = nonce + key.encrypt(nonce, payload.SerializeToString(), tenant.encode())
    return Payload(metadata={"encoding": ENCODING, "tenant": tenant.encode()}, data=data)
