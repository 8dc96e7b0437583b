"""E-mail over SMTP: encrypted beyond this machine, one recipient a message, nothing injected."""

import asyncio
import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from contracts.recipients import AddressInvalid, mail_address
from services.cannot_run import CannotRun
from services.ports import (
    Delivered,
    DeliveryMisconfigured,
    Dispatch,
    NotDelivered,
    Undeliverable,
)
from services.settings import Secret

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_PORTS: Final = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_SECONDS_MAX: Final = 30.0
_ANSWERS_MAX: Final = 3
_TEXT_MAX: Final = 200


class SmtpServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where mail is handed over, and how."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: Secret = Secret("")


def smtp_server(url: Secret) -> SmtpServer:
    """The server that DAYBOOK_SMTP_URL names; raises CannotRun, which does not say the password."""
    parts = urlsplit(url)
    try:
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        port = 0
    if not port or not parts.hostname or parts.path.strip("/") or parts.query:
        raise CannotRun(
            "DAYBOOK_SMTP_URL is no smtps://user:password@host or smtp+starttls://user:password@"
            "host:587"
        )
    if parts.scheme == "smtp" and parts.hostname not in _LOOPBACK:
        raise CannotRun("DAYBOOK_SMTP_URL: smtp:// is for this machine, use smtp+starttls://")
    return SmtpServer(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port,
        user=unquote(parts.username or ""),
        password=Secret(unquote(parts.password or "")),
    )


def sender_of(mail_from: str) -> Address:
    """Who sends; raises CannotRun."""
    name, address = parseaddr(mail_from)
    try:
        return Address(_one_line(name), addr_spec=mail_address(address))
    except ValueError as invalid:
        raise CannotRun(
            f"DAYBOOK_MAIL_FROM is no sender such as 'Clinic North <billing@clinic.example>': "
            f"{invalid}"
        ) from None


class Mail:
    """See Delivery; each message has a connection of its own, which nobody has to keep alive."""

    def __init__(
        self,
        server: SmtpServer,
        sender: Address,
        *,
        seconds_max: float = _SECONDS_MAX,
        trust: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._server = server
        self._sender = sender
        self._seconds_max = seconds_max
        self._trust = trust
        self._now = now

    async def deliver(self, dispatch: Dispatch) -> Delivered | Undeliverable | NotDelivered:
        """Hand a message to the SMTP server; its Message-ID is made of the delivery's id."""
        try:
            address = mail_address(dispatch.to)
        except AddressInvalid as invalid:
            return Undeliverable(code="ADDRESS_INVALID", message=str(invalid))
        message = message_of(dispatch, self._sender, address, self._now())
        try:
            # smtplib limits each answer; a server that answers forever slowly is limited here.
            async with asyncio.timeout(_ANSWERS_MAX * self._seconds_max):
                return await asyncio.to_thread(self._send, message, address)
        except TimeoutError:
            return NotDelivered(reason="the SMTP server came to no end")

    def _send(
        self, message: EmailMessage, address: str
    ) -> Delivered | Undeliverable | NotDelivered:
        try:
            smtp = self._connected()
            try:
                smtp.send_message(message, self._sender.addr_spec, [address])
            finally:
                # Whether it says goodbye or not: what it took, it has.
                with suppress(smtplib.SMTPException, OSError):
                    smtp.quit()
            return Delivered(reference=message["Message-ID"])
        except smtplib.SMTPRecipientsRefused as refused:
            code, text = next(iter(refused.recipients.values()))
            return _refusal(code, text)
        except smtplib.SMTPAuthenticationError as refused:
            raise DeliveryMisconfigured(
                f"the SMTP server does not let us in ({refused.smtp_code}): check DAYBOOK_SMTP_URL"
            ) from None
        except smtplib.SMTPSenderRefused as refused:
            if refused.smtp_code < 500:
                return _refusal(refused.smtp_code, refused.smtp_error)
            raise DeliveryMisconfigured(
                f"the SMTP server takes nothing from {self._sender.addr_spec} "
                f"({refused.smtp_code}): check DAYBOOK_MAIL_FROM"
            ) from None
        except (smtplib.SMTPNotSupportedError, ssl.SSLCertVerificationError) as missing:
            raise DeliveryMisconfigured(
                f"the SMTP server at {self._server.host} cannot be used as set: {missing}"
            ) from None
        except smtplib.SMTPResponseException as refused:
            return _refusal(refused.smtp_code, refused.smtp_error)
        except (smtplib.SMTPException, OSError) as failed:
            return NotDelivered(reason=f"{type(failed).__name__}: {failed}"[:_TEXT_MAX])

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        smtp: smtplib.SMTP
        if server.scheme == "smtps":
            smtp = smtplib.SMTP_SSL(
                server.host, server.port, timeout=self._seconds_max, context=self._trust()
            )
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=self._seconds_max)
        try:
            if server.scheme == "smtp+starttls":
                smtp.starttls(context=self._trust())
            if server.user:
                smtp.login(server.user, str(server.password))
        except BaseException:
            smtp.close()
            raise
        return smtp


def message_of(
    dispatch: Dispatch, sender: Address, address: str, sent_at: datetime
) -> EmailMessage:
    """The message as it is sent; headers hold one line, whatever was asked for."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = Address(_one_line(dispatch.name), addr_spec=address)
    message["Subject"] = _one_line(dispatch.subject)
    message["Date"] = format_datetime(sent_at)
    message["Message-ID"] = f"<{dispatch.delivery_id}.{dispatch.tenant}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    link = f"\r\n\r\n{dispatch.link}\r\n" if dispatch.link else "\r\n"
    message.set_content(dispatch.text + link)
    if dispatch.attachment is not None:
        main, _, sub = dispatch.attachment.media_type.partition("/")
        message.add_attachment(
            dispatch.attachment.content,
            maintype=main,
            subtype=sub,
            filename=_one_line(dispatch.attachment.name),
        )
    message["Content-Language"] = _one_line(dispatch.language)  # setting content removes others
    return message


def _one_line(text: str) -> str:
    """Text that no header ends in: controls and line ends become spaces."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _refusal(code: int, text: bytes | str) -> Undeliverable | NotDelivered:
    """RFC 5321, 4.2.1: from 500 on it stays so, before that another time may do."""
    said = text.decode(errors="replace") if isinstance(text, bytes) else text
    said = f"the SMTP server answers {code}: {_one_line(said)}"[:_TEXT_MAX]
    if code >= 500:
        return Undeliverable(code="REFUSED", message=said)
    return NotDelivered(reason=said)
