"""Proofs over HTTP: signed checkpoints, that an event is in the log, that the log only grew."""

from typing import Annotated, Any, Final

from litestar.di import NamedDependency
from litestar.params import QueryParameter

from contracts.audit_views import ConsistencyProof, InclusionProof, SignedCheckpoint
from contracts.ids import split_event_id
from services.api.parameters import TOKEN
from services.api.problems import Problem, invalid
from services.api.reading import Reading
from services.api.routes import query
from services.audit.stored_tree import StoredTree

READ_AUDIT: Final = "billing:audit:read"
_SIZE_MAX: Final = 2**53 - 1  # what every reader of JSON takes for an integer
_COVERING: Final = (
    "SELECT size, root, note, key, signed_at FROM daybook.signed_checkpoints"
    " WHERE size >= $1 ORDER BY size DESC LIMIT 1"
)
_OF_SIZE: Final = (
    "SELECT size, root, note, key, signed_at FROM daybook.signed_checkpoints WHERE size = $1"
)
_PLACED: Final = (
    "SELECT position, leaf FROM daybook.event_log"
    " WHERE tenant = $1 AND stream_id = $2 AND version = $3"
)
OfSize = Annotated[
    int | None,
    QueryParameter(
        name="size",
        required=False,
        description="of a signed checkpoint; left out: the last one",
        ge=1,
        le=_SIZE_MAX,
    ),
]
_Size = Annotated[int, QueryParameter(description="events of the log", ge=1, le=_SIZE_MAX)]


@query("/audit/checkpoint", summary="Signed checkpoint", scope=READ_AUDIT, codes=("NOT_FOUND",))
async def get_checkpoint(
    reading: NamedDependency[Reading], size: OfSize = None
) -> SignedCheckpoint:
    """The root over the log of every tenant, signed. Keep it where the operator cannot change it:
    whatever the log says later can be held to it."""
    async with reading.connection() as connection:
        return await _checkpoint(connection, size, 0)


@query(
    "/audit/inclusion",
    summary="Proof that an event is in the log",
    scope=READ_AUDIT,
    codes=("NOT_FOUND", "STATE_CONFLICT"),
)
async def get_inclusion(
    reading: NamedDependency[Reading],
    event: Annotated[
        str,
        QueryParameter(
            description="id of one of the tenant's events, or a command's token",
            max_length=256,
            schema_extra={"pattern": TOKEN},
        ),
    ],
    size: OfSize = None,
) -> InclusionProof:
    """The hashes that lead from the event's leaf to the root that a checkpoint signs."""
    async with reading.connection() as connection:
        placed = await _placed(connection, reading.tenant, event)
        checkpoint = await _checkpoint(connection, size, placed["position"])
        tree = StoredTree(connection, checkpoint.size)
        proof = await tree.inclusion(placed["position"])
    return InclusionProof(
        event=event,
        position=placed["position"],
        leaf=placed["leaf"].hex(),
        proof=tuple(each.hex() for each in proof),
        checkpoint=checkpoint,
    )


@query(
    "/audit/consistency",
    summary="Proof that the log only grew",
    scope=READ_AUDIT,
    codes=("NOT_FOUND",),
)
async def get_consistency(
    reading: NamedDependency[Reading], first: _Size, second: _Size
) -> ConsistencyProof:
    """The hashes that show that the log of `second` events begins with that of `first`."""
    if first > second:
        raise invalid("query:first", f"a log of {second} events does not go on from {first}")
    async with reading.connection() as connection:
        head = await connection.fetchval("SELECT position FROM daybook.log_head")
        if second > (head or 0):
            raise Problem("NOT_FOUND", f"the log has {head or 0} events, not {second}")
        tree = StoredTree(connection, second)
        return ConsistencyProof(
            first_size=first,
            first_root=(await StoredTree(connection, first).root()).hex(),
            second_size=second,
            second_root=(await tree.root()).hex(),
            proof=tuple(each.hex() for each in await tree.consistency(first)),
        )


async def _placed(connection: Any, tenant: str, event: str) -> Any:
    try:
        stream_id, version = split_event_id(event)
    except ValueError as wrong:
        raise invalid("query:event", f"no id of an event: {wrong}") from wrong
    placed = await connection.fetchrow(_PLACED, tenant, stream_id, version)
    if placed is None:
        raise Problem("NOT_FOUND", f"there is no event {event} in the log")
    return placed


async def _checkpoint(connection: Any, size: int | None, position: int) -> SignedCheckpoint:
    """The last one, or one of a size, that covers a position."""
    if size is None:
        row = await connection.fetchrow(_COVERING, max(position, 1))
    else:
        row = await connection.fetchrow(_OF_SIZE, size)
    if row is None and (size is not None or not position):
        what = f"of {size} events" if size is not None else "yet"
        raise Problem("NOT_FOUND", f"no checkpoint was signed {what}")
    if row is None or row["size"] < position:
        raise Problem("STATE_CONFLICT", f"no such checkpoint covers position {position} yet")
    return SignedCheckpoint(
        size=row["size"],
        root=row["root"].hex(),
        note=row["note"].decode(),
        key=row["key"],
        signed_at=row["signed_at"],
    )
