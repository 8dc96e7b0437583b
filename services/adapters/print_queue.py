"""Paper: the document is put where a print shop takes it from, an object store."""

import re
from typing import Final

from services.objects import ObjectStoreDenied, ObjectStoreUnreachable
from services.ports import (
    Delivered,
    DeliveryMisconfigured,
    Dispatch,
    NotDelivered,
    ObjectStore,
    Undeliverable,
)

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


class PrintQueue:
    """See Delivery: `<tenant>/print/<delivery>.pdf`, once per delivery however often it is put."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def deliver(self, dispatch: Dispatch) -> Delivered | Undeliverable | NotDelivered:
        """Queue the document."""
        document = dispatch.attachment
        if document is None or document.media_type != "application/pdf":
            return Undeliverable(code="NOTHING_TO_PRINT", message="it comes with no PDF")
        if not (_NAME.fullmatch(dispatch.delivery_id) and _NAME.fullmatch(dispatch.tenant)):
            return Undeliverable(code="REFUSED", message="its id can be no name of an object")
        key = f"{dispatch.tenant}/print/{dispatch.delivery_id}.pdf"
        try:
            await self._store.put(key, document.content)
        except ObjectStoreUnreachable as away:
            return NotDelivered(reason=str(away))
        except ObjectStoreDenied as denied:
            raise DeliveryMisconfigured(str(denied)) from denied
        return Delivered(reference=key)
