"""Claims: exactly the identities that events take, each held by the stream that took it."""

from typing import Final

from contracts.catalogue import decode
from contracts.columns import columns
from domain.write_side import claims_of
from projections.statements import AnyConnection
from services.audit.bodies import Bodies, Known
from services.audit.findings import FINDINGS_KEPT_MAX, Check, Findings
from services.audit.pages import sql

_HELD: Final = (
    "SELECT c.stream_id FROM unnest($1::text::text[], $2::text::text[], $3::text::text[])"
    " WITH ORDINALITY AS w (tenant, kind, key, n)"
    " LEFT JOIN daybook.claims c USING (tenant, kind, key) ORDER BY w.n"
)
_BY_STREAM: Final = sql("claims_of_streams")


class Claims:
    """Looks each claim up as its event comes by."""

    def __init__(self, findings: Findings, bodies: Bodies) -> None:
        self._findings = findings
        self._broken = bodies.broken
        self._held = 0

    async def take(self, connection: AnyConnection, known: Known) -> None:
        """Check what the events of a page claim."""
        claimed = [
            (recorded, kind, key, holder)
            for recorded, _ in known
            for kind, key, holder in claims_of(recorded.event)
        ]
        if not claimed:
            return
        wanted = [(recorded.tenant, kind, key) for recorded, kind, key, _ in claimed]
        rows = await connection.fetch(_HELD, *columns(wanted, "ttt"))
        for (recorded, kind, key, holder), (found,) in zip(claimed, rows, strict=True):
            self._held += found is not None
            if found != holder:
                self._findings.at(
                    Check.CLAIMS, recorded, f"{kind} {key}", expected=holder, found=found
                )

    async def finish(self, connection: AnyConnection) -> None:
        """No claim may stand without its event."""
        claims = await connection.fetchval("SELECT count(*) FROM daybook.claims")
        self._findings.checked(Check.CLAIMS, claims)
        if claims == self._held:
            return
        await self._find_orphans(connection)

    async def _find_orphans(self, connection: AnyConnection) -> None:
        """Read every claim with the events of its stream, until enough of them are unfounded."""
        after = ("", "", "")
        while rows := await connection.fetch(_BY_STREAM, *after, FINDINGS_KEPT_MAX):
            for tenant, kind, key, holder, types, bodies in rows:
                if (tenant, holder) in self._broken or _is_claimed(types, bodies, kind, key):
                    continue
                self._findings.add(
                    Check.CLAIMS, f"{kind} {key}", tenant=tenant, stream_id=holder, found=holder
                )
            if self._findings.found(Check.CLAIMS) >= FINDINGS_KEPT_MAX:
                return
            after = rows[-1][:3]


def _is_claimed(types: list[str], bodies: list[bytes], kind: str, key: str) -> bool:
    return any(
        claim[:2] == (kind, key)
        for type_, body in zip(types, bodies, strict=True)
        for claim in claims_of(decode(type_, body))
    )
