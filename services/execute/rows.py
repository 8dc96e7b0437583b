"""The rows of a batch, column by column, in the order of append.sql's parameters."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from contracts.catalogue import encode, wire_type
from contracts.event import BODY_BYTES_MAX, Event, Metadata, Posted, partition_key
from contracts.ids import event_id
from domain.book import Book
from domain.rejections import Invalid
from domain.write_side import claims_of, prices_of
from services.execute.envelope import BusIdentity, Done, Envelope, HttpIdentity, Refused
from services.execute.group import encode_items, is_answered_whole

_encode_metadata: Final = msgspec.json.Encoder().encode
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_encode_state: Final = msgspec.json.Encoder().encode

Row = tuple[Any, ...]


class Rows:
    """What a batch writes; `snapshot` and `changes` find what it did to the write-side state."""

    def __init__(self) -> None:
        self.events: list[Row] = []
        self.entries: list[Row] = []
        self.outbox: list[Row] = []
        self.inbox: list[Row] = []
        self.answers: list[Row] = []
        self.claims: list[Row] = []
        self.prices: list[Row] = []
        self.rejected: list[Row] = []
        self.statuses: list[Row] = []

    def written(self) -> dict[str, int]:
        """How many rows there are of each kind, to come back to."""
        return {name: len(rows) for name, rows in vars(self).items()}

    def give_up(self, written: dict[str, int]) -> None:
        """Forget what was added since."""
        for name, count in written.items():
            del vars(self)[name][count:]

    def join_outbox(self, tenant: str, written: dict[str, int]) -> None:
        """Make one row of what was added to the outbox since: it is seen whole or not at all."""
        added = self.outbox[written["outbox"] :]
        if added:
            names = " ".join(event_ids for _, event_ids in added)
            self.outbox[written["outbox"] :] = [(tenant, names)]

    def add_command(
        self, envelope: Envelope, decided: Sequence[tuple[str, int, Event]], bodies: list[bytes]
    ) -> None:
        """The events of one command with their entries, and its one outbox row."""
        metadata = _encode_metadata(
            Metadata(
                actor=envelope.actor,
                command=type(envelope.command).__name__,
                correlation_id=envelope.correlation_id,
                causation_id=envelope.causation_id,
                traceparent=envelope.traceparent,
            )
        )
        tenant, names = envelope.tenant, []
        for (stream_id, version, event), body in zip(decided, bodies, strict=True):
            name = event_id(stream_id, version)
            names.append(name)
            type_ = wire_type(type(event))
            key = partition_key(stream_id, event)
            self.events.append((tenant, stream_id, version, type_, key, body, metadata))
            if isinstance(event, Posted):
                self._add_entries(tenant, name, event)
            self._add_claims(tenant, event)
        self.outbox.append((tenant, " ".join(names)))

    def _add_entries(self, tenant: str, name: str, event: Posted) -> None:
        for line, posting in enumerate(event.postings, 1):
            self.entries.append(
                (
                    tenant,
                    name,
                    line,
                    posting.gl_account,
                    event.account_id,
                    event.facility,
                    posting.amount_minor,
                    event.currency,
                    event.effective_on,
                    event.booked_on,
                )
            )

    def _add_claims(self, tenant: str, event: Event) -> None:
        for claim in claims_of(event):
            self.claims.append((tenant, *claim))
        prices = prices_of(event)
        if prices:
            price_list_id = event.price_list_id  # type: ignore[attr-defined]  # prices_of's events have it
            self.prices += [
                (
                    tenant,
                    price.facility,
                    price.code,
                    price.unit_price.currency,
                    price.valid_from,
                    price.valid_to,
                    price.unit_price.minor,
                    price_list_id,
                )
                for price in prices
            ]

    def add_done(self, envelope: Envelope, done: Done) -> None:
        """The result under the command's identity, for whoever repeats it."""
        if done.items and not is_answered_whole(envelope):
            self._add_items(envelope, done)
            return
        token = None if done.token == f"{done.stream_id}-{done.version}" else done.token
        result = (envelope.payload_hash, done.stream_id, done.version, token)
        if isinstance(envelope.identity, BusIdentity):
            self.inbox.append((envelope.tenant, *envelope.identity, *result))
        elif envelope.identity is not None:
            self.answers.append((envelope.tenant, *envelope.identity, *result, None, None))

    def _add_items(self, envelope: Envelope, done: Done) -> None:
        if not isinstance(envelope.identity, HttpIdentity):
            raise TypeError("only a request has an identity that answers item by item")
        result = (envelope.payload_hash, None, None, None, None, encode_items(done.items))
        self.answers.append((envelope.tenant, *envelope.identity, *result))

    def add_refused(self, envelope: Envelope, refused: Refused) -> None:
        """A domain refusal under an Idempotency-Key; a message that is refused holds no claim."""
        if envelope.identity is None or isinstance(envelope.identity, BusIdentity):
            return
        stored = {"code": refused.code, "detail": refused.detail}
        if refused.item is not None:
            stored["item"] = str(refused.item)
        refusal = msgspec.json.encode(stored)
        unknown = (envelope.payload_hash, None, None, None)
        self.answers.append((envelope.tenant, *envelope.identity, *unknown, refusal, None))


def bodies_of(events: Sequence[tuple[str, Event]]) -> list[bytes]:
    """The stored bodies; raises Invalid for what nobody could store or read: too long a body, or
    text with a NUL or half a surrogate pair.
    """
    try:
        bodies = [encode(event) for _, event in events]
    except UnicodeEncodeError:
        raise Invalid("a text holds half a surrogate pair, which is no character") from None
    if any(map(_has_nul, bodies)):
        raise Invalid("a text holds a NUL, which no database takes: leave it out")
    longest = max(map(len, bodies))
    if longest > BODY_BYTES_MAX:
        raise Invalid(
            f"the event would be {longest} bytes, more than {BODY_BYTES_MAX}: send it in parts"
        )
    return bodies


def _has_nul(body: bytes) -> bool:
    # Only behind an even number of backslashes is it the escape of a NUL.
    return b"\\u0000" in body and _NUL.search(body) is not None


def head_rows(book: Book, before: dict[str, int]) -> tuple[list[Row], list[Row]]:
    """New and moved stream heads of a tenant, given the versions that were loaded."""
    opened: list[Row] = []
    moved: list[Row] = []
    for stream_id, version in book.versions.items():
        known = before.get(stream_id)
        if known == version:
            continue
        state = book.states[stream_id]
        if known is None:
            account_id = getattr(state, "account_id", None)
            opened.append((book.tenant, stream_id, version, account_id, _encode_state(state)))
        else:
            moved.append((book.tenant, stream_id, version, _encode_state(state)))
    return opened, moved


def account_rows(book: Book, before: dict[str, int]) -> list[Row]:
    """The accounts that a command touched."""
    return [
        (
            book.tenant,
            head.account_id,
            head.version,
            head.facility,
            head.currency,
            head.status,
            head.receivable_minor,
            head.credit_minor,
        )
        for head in book.accounts.values()
        if before.get(head.account_id) != head.version
    ]


def item_rows(
    book: Book, before: dict[str, dict[Any, Any]]
) -> tuple[list[Row], list[Row], list[Row]]:
    """Open items that are new, those that are changed, and those that are settled."""
    added: list[Row] = []
    changed: list[Row] = []
    settled: list[Row] = []
    for account_id, items in book.open_items.items():
        known = before.get(account_id, {})
        for key, item in items.items():
            was = known.get(key)
            if was is not item:
                (added if was is None else changed).append(
                    (
                        book.tenant,
                        account_id,
                        item.kind,
                        item.item_id,
                        item.outstanding_minor,
                        item.due_on,
                        item.number,
                    )
                )
        settled += [(book.tenant, account_id, *key) for key in known if key not in items]
    return added, changed, settled


def rejected_row(envelope: Envelope) -> Row | None:
    """The sealed message beside its rejection, or None for any other command."""
    if envelope.rejected is None:
        return None
    rejection = envelope.command.rejection
    return (
        envelope.tenant,
        rejection.rejection_id,
        rejection.subject,
        rejection.source,
        rejection.message_id,
        rejection.message_type,
        rejection.code,
        rejection.detail,
        envelope.rejected.subject_id,
        envelope.rejected.content,
        rejection.received_at.isoformat(),
    )
