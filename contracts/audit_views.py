"""Proofs of the log as the query API returns them: hashes are in hex, trees are of RFC 9162."""

from typing import Annotated

from msgspec import Meta

from contracts.views import Instant, View

Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256 in hex")]
Size = Annotated[int, Meta(ge=1, description="events that the tree is over")]
Proof = Annotated[tuple[Hash, ...], Meta(description="hashes in the order of RFC 9162")]


class SignedCheckpoint(View, frozen=True, kw_only=True):
    """The root over the first events of the log, signed."""

    size: Size
    root: Hash
    note: Annotated[
        str, Meta(description="what is signed, and the signature: https://c2sp.org/tlog-checkpoint")
    ]
    key: Annotated[str, Meta(description="the public key, as https://c2sp.org/signed-note has it")]
    signed_at: Instant


class InclusionProof(View, frozen=True, kw_only=True):
    """That an event is in the log under a signed checkpoint (RFC 9162, section 2.1.3)."""

    event: Annotated[str, Meta(description="the event's id")]
    position: Annotated[
        int, Meta(ge=1, description="in the log; its leaf is the one before, from 0")
    ]
    leaf: Annotated[Hash, Meta(description="its leaf; contracts/log.py says of what")]
    proof: Proof
    checkpoint: SignedCheckpoint


class ConsistencyProof(View, frozen=True, kw_only=True):
    """That the log only grew between two sizes (RFC 9162, section 2.1.4)."""

    first_size: Size
    first_root: Hash
    second_size: Size
    second_root: Hash
    proof: Proof
