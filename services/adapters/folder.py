"""Messages as files: the embedded default of every channel, for trying and for looking at."""

import asyncio
import re
from pathlib import Path
from typing import Final

import msgspec

from contracts.recipients import AddressInvalid, mail_address, telephone_number
from services.embedded.private import write_private
from services.ports import Channel, Delivered, Dispatch, NotDelivered, Undeliverable

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,8}")
_CHECKS: Final = {Channel.EMAIL: mail_address, Channel.SMS: telephone_number}


class Folder:
    """See Delivery: `<folder>/<channel>/<tenant>/<delivery>.json`, the attachment beside it."""

    def __init__(self, folder: Path, channel: Channel) -> None:
        self._folder = folder / channel
        self._check = _CHECKS.get(channel)

    async def deliver(self, dispatch: Dispatch) -> Delivered | Undeliverable | NotDelivered:
        """Write the message, in place of one with the same id."""
        if not (_NAME.fullmatch(dispatch.delivery_id) and _NAME.fullmatch(dispatch.tenant)):
            return Undeliverable(code="REFUSED", message="its id can be no name of a file")
        try:
            if self._check is not None:
                self._check(dispatch.to)
        except AddressInvalid as invalid:
            return Undeliverable(code="ADDRESS_INVALID", message=str(invalid))
        try:
            written = await asyncio.to_thread(self._write, dispatch)
        except OSError as failed:
            return NotDelivered(reason=f"{failed.filename}: {failed.strerror}")
        return Delivered(reference=str(written))

    def _write(self, dispatch: Dispatch) -> Path:
        folder = self._folder / dispatch.tenant
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        attachment = dispatch.attachment
        if attachment is not None:
            ending = Path(attachment.name).suffix
            name = dispatch.delivery_id + (ending if _SUFFIX.fullmatch(ending) else ".bin")
            write_private(folder / name, attachment.content)
        told = msgspec.structs.replace(dispatch, attachment=None)
        path = folder / f"{dispatch.delivery_id}.json"
        write_private(path, msgspec.json.format(msgspec.json.encode(told), indent=2))
        return path
