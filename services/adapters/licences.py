"""Licences from a server over HTTP, or from a file."""

import asyncio
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec

from services.adapters.outbound import Away, Outbound
from services.cannot_run import CannotRun
from services.ports import LicencesAway

ANYBODY: Final = "*"
"""In a licence file: every tenant that is not named."""


class _Licence(msgspec.Struct, frozen=True, kw_only=True):
    modules: tuple[str, ...]


class HttpLicences:
    """Asks `<url>/<tenant>`, which answers `{"modules": [...]}`, or 404: nothing is licensed."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def modules(self, tenant: str) -> frozenset[str]:
        """The active modules; raises LicencesAway."""
        try:
            answer = await self._outbound.get(f"/{quote(tenant, safe='')}")
        except Away as away:
            raise LicencesAway(str(away)) from away
        if answer.status == 404:
            return frozenset()
        if answer.status != 200:
            raise LicencesAway(f"HTTP {answer.status}")
        try:
            licence = msgspec.json.decode(answer.body, type=_Licence)
        except msgspec.MsgspecError as invalid:
            raise LicencesAway(f"no licence in its answer: {invalid}") from None
        return frozenset(licence.modules)


class FileLicences:
    """Reads `{"<tenant>": ["core", ...], "*": [...]}`; raises CannotRun when it cannot at first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            _read(path)
        except LicencesAway as unreadable:
            raise CannotRun(f"DAYBOOK_LICENCE_FILE: {unreadable}") from None

    async def modules(self, tenant: str) -> frozenset[str]:
        """The active modules as the file says now; raises LicencesAway."""
        licences = await asyncio.to_thread(_read, self._path)
        return frozenset(licences.get(tenant, licences.get(ANYBODY, ())))


def _read(path: Path) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, tuple[str, ...]])
    except OSError as failed:
        raise LicencesAway(f"{path}: {failed.strerror}") from failed
    except msgspec.MsgspecError as invalid:
        raise LicencesAway(f"{path} is no table of modules by tenant: {invalid}") from None
