"""A command's call: who sends it, under which identity, and what it is named after."""

import hashlib
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Final

import msgspec
from litestar import Request
from litestar.di import NamedDependency
from litestar.params import HeaderParameter

from contracts.event import Event
from contracts.ids import derive, from_uuid
from contracts.private import Private
from services.api.auth import Caller
from services.api.context import context_of, fresh_uuid, is_repeated
from services.api.ledger import Ledger, Recorded
from services.api.problems import Problem, invalid, refusal
from services.execute.envelope import Done, Envelope, HttpIdentity, Refused
from services.execute.group import Group
from services.execute.preview import Preview

ETAG: Final = "if_match"
"""Key of a route's `opt`: False where a command is about no one account."""

KEY: Final = "idempotency_key"
"""Key of a route's `opt`: True where a command must come with an Idempotency-Key."""

# A refusal that is about a field begins with its name.
_NAMED: Final = re.compile(r"(?P<field>\w+)(\[\d+\])?")
KEY_TEXT: Final = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")
_VERSION: Final = re.compile(r'(?:W/)?"(\d{1,18})(?:-\d{1,19}){0,2}"')
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What of a request goes into a command's envelope, and the ledger that it goes to."""

    caller: Caller
    correlation_id: str
    traceparent: str | None
    identity: HttpIdentity | None
    expected_version: int | None
    ledger: Ledger

    @property
    def tenant(self) -> str:
        """Whose books it is about."""
        return self.caller.tenant

    def new_id(self, prefix: str, *place: str) -> str:
        """The id of what the command makes: the same for a repeat under the same key.

        `place` tells the commands of one request apart.
        """
        if self.identity is None:
            return self.fresh_id(prefix)
        return derive(prefix, self.tenant, *self.identity, *place)

    def fresh_id(self, prefix: str) -> str:
        """An id that nothing has."""
        return from_uuid(prefix, fresh_uuid())

    async def execute(self, request: msgspec.Struct, command: Any) -> Recorded:
        """Execute what `request`, as the caller sent it, was made into; raises Problem."""
        path_of = partial(_path, request)
        return await self.ledger.execute(self._envelope(command, request), path_of)

    async def done(self, request: msgspec.Struct, command: Any) -> Done:
        """The same where the answer is not told from the opening of the command's stream."""
        path_of = partial(_path, request)
        return await self.ledger.done(self._envelope(command, request), path_of)

    async def execute_group(
        self,
        request: msgspec.Struct,
        commands: Sequence[Any],
        *,
        atomic: bool,
        path: Callable[[int], str],
    ) -> Done:
        """Execute the commands of one request together; `path` is where in it one is.

        Raises Problem.
        """
        group = Group(commands=tuple(commands), atomic=atomic)
        return await self.ledger.execute_group(self._envelope(group, request), path)

    async def preview(self, request: msgspec.Struct, commands: Sequence[Any]) -> list[list[Event]]:
        """What commands would record; writes nothing. Raises Problem for the first refusal."""
        path_of = partial(_path, request)
        previewed: list[list[Event]] = []
        for found in await self.preview_all(commands):
            if isinstance(found, Refused):
                raise refusal(found, path_of)
            previewed.append(found)
        return previewed

    async def preview_all(self, commands: Sequence[Any]) -> list[Preview]:
        """What each command would do; writes nothing."""
        return await self.ledger.preview([self._envelope(command) for command in commands])

    def _envelope(self, command: Any, request: msgspec.Struct | None = None) -> Envelope:
        return Envelope(
            tenant=self.tenant,
            command=command,
            actor=self.caller.actor,
            correlation_id=self.correlation_id,
            identity=self.identity,
            # Before anything is sealed: a sealed text is another one each time.
            payload_hash=b"" if request is None else hashlib.sha256(_encode(request)).digest(),
            traceparent=self.traceparent,
            expected_version=self.expected_version,
        )

    async def seal_text(self, account_id: str, text: str) -> Private:
        """Seal what is said about an account; raises Problem NOT_FOUND."""
        sealed = await self.ledger.seal_for(self.tenant, account_id, text)
        assert sealed is not None, "a text is sealed"
        return sealed

    async def seal(self, subject: str, text: str | None) -> Private | None:
        """Seal a personal field of the command."""
        return await self.ledger.seal(self.tenant, subject, text)

    async def open(self, private: Private | None) -> str | None:
        """The text of a personal field, None when nothing opens it any more."""
        return await self.ledger.open(self.tenant, private)


async def provide_call(
    request: Request[Caller, Any, Any],
    ledger: NamedDependency[Ledger],
    idempotency_key: Annotated[
        str | None,
        HeaderParameter(
            name="Idempotency-Key",
            required=False,
            description="Names this command. A repeat with the same key and the same body is"
            " answered with the first answer and changes nothing; with another body it is refused."
            " 1 to 255 printable ASCII characters, kept for at least 45 days.",
            schema_extra={"pattern": f"^{KEY_TEXT.pattern}$"},
        ),
    ] = None,
    if_match: Annotated[
        str | None,
        HeaderParameter(
            name="If-Match",
            required=False,
            description="ETag of the account: refuse the command when the account has changed.",
            schema_extra={"pattern": rf"^(\*|{_VERSION.pattern})$"},
        ),
    ] = None,
) -> Call:
    """The call of a request; raises Problem for a key that is missing or cannot be one."""
    context = context_of(request.scope)
    return Call(
        caller=request.user,
        correlation_id=context.correlation_id,
        traceparent=context.traceparent,
        identity=_identity(request, idempotency_key),
        expected_version=_version(request, if_match),
        ledger=ledger,
    )


def _identity(request: Request[Any, Any, Any], key: str | None) -> HttpIdentity | None:
    if key is None:
        if request.route_handler.opt.get(KEY):
            raise Problem(
                "IDEMPOTENCY_KEY_REQUIRED",
                "send an Idempotency-Key of your own, so that a repeat cannot do it twice",
            )
        return None
    if is_repeated(request.scope, b"idempotency-key") or not KEY_TEXT.fullmatch(key):
        raise invalid("header:Idempotency-Key", "send one, of 1 to 255 printable ASCII characters")
    return HttpIdentity(request.method, request.scope["path"], key)


def _version(request: Request[Any, Any, Any], if_match: str | None) -> int | None:
    if if_match is None:
        return None
    if not request.route_handler.opt.get(ETAG, True):
        raise invalid("header:If-Match", "this is not about one account: leave it out")
    if if_match.strip() == "*":
        return None
    found = _VERSION.fullmatch(if_match.strip())
    if found is None:
        raise invalid("header:If-Match", 'send the ETag of the account, such as W/"7-1204"')
    return int(found[1])


def _path(request: Any, refused: Refused) -> str:
    """Which field a refusal is about: by its code, or as its text begins."""
    match refused.code:
        case "CURRENCY_UNSUPPORTED":
            return _currency_path(request)
        case "CODE_INVALID" | "CODE_UNVERIFIED" | "PRICE_NOT_FOUND":
            return "$.code"
        case "VALIDATION_FAILED" if named := _NAMED.match(refused.detail):
            return f"$.{named[0]}" if named["field"] in request.__struct_fields__ else "$"
        case _:
            return "$"


def _currency_path(request: Any) -> str:
    """Which field of a command names a currency that its account does not have."""
    stated = getattr(request, "unit_price", None)
    if stated is not None and stated.currency != request.currency:
        return "$.unit_price.currency"
    return "$.currency" if hasattr(request, "currency") else "$.amount.currency"
