"""Paper: the document is put where a print shop takes it from, an object store."""

import re
from typing import Final

from services.ports import Delivered, Dispatch, NotDelivered, Stores, Undeliverable

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


class PrintQueue:
    """See Delivery: `<tenant>/print/<delivery>.pdf`, once per delivery however often it is put."""

    def __init__(self, store: Stores, away: tuple[type[Exception], ...] = (OSError,)) -> None:
        self._store = store
        self._away = away

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
        except self._away as away:
            return NotDelivered(reason=f"{type(away).__name__}: {away}")
        return Delivered(reference=key)
