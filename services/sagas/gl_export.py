"""GlExport: the general ledger of a period goes to the object store, one export after the other."""

from datetime import timedelta
from typing import Final

from temporalio import workflow

# Structs must not be imported again inside the sandbox: msgspec refuses its proxied datetime.
with workflow.unsafe.imports_passed_through():
    from services.sagas.encounter import RETRIES
    from services.sagas.exporting import Exporting
    from services.sagas.messages import ExportLedger, GlExports
    from services.sagas.pulse import HEARTBEAT_TIMEOUT

# A hundred million entries; heartbeats tell of a dead worker long before.
ATTEMPT_SECONDS_MAX: Final = timedelta(hours=6)


@workflow.defn(name="GlExport")
class GlExport:
    """Export what was asked for; an object store that is away is waited for."""

    @workflow.run
    async def run(self, work: GlExports) -> None:
        """Each for itself: what one is refused for does not stop the next."""
        for gl_export_id in work.gl_export_ids:
            await workflow.execute_activity_method(
                Exporting.export,
                ExportLedger(tenant=work.tenant, gl_export_id=gl_export_id),
                start_to_close_timeout=ATTEMPT_SECONDS_MAX,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=RETRIES,
            )
