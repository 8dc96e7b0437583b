"""Payloads are sealed before they leave for Temporal: AES-256-GCM under a key per tenant.

The key lives in `subject_keys` beside those of persons, so every process finds it, nothing is to be
configured, and deleting it makes all that Temporal holds of a tenant unreadable. Runs of configured
workflows, whose payloads are content, have the key that their events are sealed under.
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

from contracts.ids import WorkflowRunId
from domain import naming
from services.sagas import workflow_ids
from services.sealing import find_keys, make_keys

# A leading space: ids of persons cannot have one, so no person's key is ever meant.
SUBJECT: Final = " temporal-payloads"
ENCODING: Final = b"binary/daybook-sealed"
_NONCE_BYTES: Final = 12
_KEPT_MAX: Final = 2_000


class PayloadKeyMissing(LookupError):
    """The tenant's key was deleted: what was sealed under it stays unreadable."""


class PayloadUnsealable(ValueError):
    """A payload that the tenant's key does not open: it was tampered with or mixed up."""


class PayloadKeys:
    """The keys of tenants and runs, from Postgres and then from memory."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._keys: dict[tuple[str, str], bytes] = {}

    async def to_seal(self, tenant: str, subject: str = SUBJECT) -> bytes:
        """The subject's key, made when there is none."""
        if (tenant, subject) not in self._keys:
            made = await make_keys(self._pool, tenant, [subject])
            self._keep(tenant, subject, made[subject])
        return self._keys[tenant, subject]

    async def to_open(self, tenant: str, subject: str = SUBJECT) -> bytes:
        """The subject's key; raises PayloadKeyMissing."""
        if (tenant, subject) not in self._keys:
            found = await find_keys(self._pool, tenant, [subject])
            if subject not in found:
                raise PayloadKeyMissing(f"tenant {tenant!r} has no key of {subject.strip()}")
            self._keep(tenant, subject, found[subject])
        return self._keys[tenant, subject]

    def _keep(self, tenant: str, subject: str, key: bytes) -> None:
        if len(self._keys) >= _KEPT_MAX:  # runs come and go: the oldest makes room
            del self._keys[next(iter(self._keys))]
        self._keys[tenant, subject] = key


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
        named = workflow_ids.read(self._workflow_id or "")
        subject = subject_of(named)
        key = AESGCM(await self._keys.to_seal(named.tenant, subject))
        return [_sealed(key, named.tenant, subject, payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open what is sealed; raises PayloadKeyMissing and PayloadUnsealable."""
        return [
            await self._opened(payload) if payload.metadata["encoding"] == ENCODING else payload
            for payload in payloads
        ]

    async def _opened(self, payload: Payload) -> Payload:
        tenant = payload.metadata["tenant"].decode()
        # What older releases sealed names no subject.
        subject = payload.metadata.get("subject", SUBJECT.encode()).decode()
        key = AESGCM(await self._keys.to_open(tenant, subject))
        nonce, sealed = payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:]
        try:
            return Payload.FromString(key.decrypt(nonce, sealed, tenant.encode()))
        except InvalidTag:
            raise PayloadUnsealable(f"a payload of tenant {tenant!r} does not open") from None


def subject_of(named: workflow_ids.Named) -> str:
    """Whose key seals the payloads of a workflow."""
    if named.kind == workflow_ids.WORKFLOW_RUN:
        return naming.workflow_run_subject(WorkflowRunId(named.key))
    return SUBJECT


def _sealed(key: AESGCM, tenant: str, subject: str, payload: Payload) -> Payload:
    nonce = os.urandom(_NONCE_BYTES)
    data = nonce + key.encrypt(nonce, payload.SerializeToString(), tenant.encode())
    metadata = {"encoding": ENCODING, "tenant": tenant.encode()}
    if subject != SUBJECT:
        metadata["subject"] = subject.encode()
    return Payload(metadata=metadata, data=data)
