"""What a message says that brings a document, in the languages that documents are printed in."""

from datetime import date
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import msgspec

from services.documents.style import Style
from services.documents.words import Language
from services.ports import Channel


class Wording(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every sentence in one language."""

    statement_subject: str
    statement_text: str
    statement_credit: str
    statement_short: str
    reminder_subject: str
    reminder_text: str
    reminder_short: str
    customer: str
    link_until: str


class Letter(NamedTuple):
    """A message before it is known how it goes: a letter's text, and a text message's."""

    subject: str
    text: str
    short: str
    link_until: str

    def text_for(self, channel: Channel) -> str:
        """The text as the channel has room for it; a link follows where there is one."""
        if channel is Channel.SMS:
            return self.short
        return f"{self.text}\n\n{self.link_until}" if channel is Channel.EMAIL else self.text


@cache
def wording(language: Language) -> Wording:
    """The sentences of a language."""
    path = files("services.statements") / "wording" / f"{language}.json"
    return msgspec.json.decode(path.read_bytes(), type=Wording)


class Told(NamedTuple):
    """What a message is about."""

    sender: str
    name: str | None
    on: date
    amount_minor: int
    currency: str
    until: date
    number: str = ""


def statement_letter(style: Style, told: Told) -> Letter:
    """The message that brings a statement."""
    words = wording(style.language)
    is_owed = told.amount_minor >= 0
    return _letter(
        style,
        told,
        words.statement_subject,
        words.statement_text if is_owed else words.statement_credit,
        words.statement_short,
    )


def reminder_letter(style: Style, told: Told) -> Letter:
    """The message that reminds of an invoice."""
    words = wording(style.language)
    return _letter(style, told, words.reminder_subject, words.reminder_text, words.reminder_short)


def _letter(style: Style, told: Told, subject: str, text: str, short: str) -> Letter:
    words = wording(style.language)
    said = {
        "sender": told.sender,
        "name": told.name or words.customer,
        "day": style.day(told.on),
        "amount": style.money(abs(told.amount_minor), told.currency),
        "number": told.number,
    }
    return Letter(
        subject=subject.format(**said),
        text=text.format(**said),
        short=short.format(**said),
        link_until=words.link_until.format(day=style.day(told.until)),
    )
