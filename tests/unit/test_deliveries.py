"""Every channel keeps one contract: SMTP and the SMS hook over sockets, paper, and the files."""

import hashlib
import hmac
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from services.adapters.choice import Ports
from services.adapters.folder import Folder
from services.adapters.mail import Mail, sender_of, smtp_server
from services.adapters.object_store import open_object_store
from services.adapters.outbound import Outbound
from services.adapters.print_queue import PrintQueue
from services.adapters.sms import Sms
from services.cannot_run import CannotRun
from services.objects import ObjectFailure, ObjectStoreDenied, ObjectStoreUnreachable
from services.ports import (
    Attachment,
    Channel,
    Delivered,
    Delivery,
    DeliveryMisconfigured,
    Dispatch,
    NotDelivered,
    ObjectStore,
    Undeliverable,
)
from services.settings import Secret, Settings
from tests.fixtures import smtp_server as smtp
from tests.fixtures.http_server import Asked, Reply, http_server

SENDER = sender_of("کلینیک North <billing@clinic.example>")
PDF = Attachment(
    name="statement 2026-03.pdf", media_type="application/pdf", content=b"%PDF-1.7 \xff"
)
KEY = Secret("a key of the hook")


def dispatch(**fields: Any) -> Dispatch:
    return Dispatch(
        **{
            "delivery_id": "dlv_1",
            "tenant": "demo",
            "to": "nino@clinic.example",
            "name": "Nino Beridze",
            "subject": "Your statement",
            "text": "Dear Nino",
            "link": "https://billing.example/d/token",
            **fields,
        }
    )


def mail(mailbox: smtp.Mailbox, scheme: str = "smtp", login: str = "", **options: Any) -> Mail:
    url = Secret(f"{scheme}://{login}127.0.0.1:{mailbox.port}")
    return Mail(smtp_server(url), SENDER, **options)


@pytest.fixture(scope="module")
def mailbox() -> Iterator[smtp.Mailbox]:
    with smtp.smtp_server() as mailbox:
        yield mailbox


@pytest.fixture(autouse=True)
def empty(mailbox: smtp.Mailbox) -> None:
    mailbox.taken.clear()
    mailbox.to.clear()
    mailbox.rcpt = mailbox.data = "250 OK"


async def test_a_mail_arrives_whole_and_once_per_id(mailbox: smtp.Mailbox) -> None:
    for _ in range(2):
        delivered = await mail(mailbox).deliver(dispatch(attachment=PDF))
        assert delivered == Delivered(reference="<dlv_1.demo@clinic.example>")
    first, second = mailbox.taken
    assert mailbox.to == [["nino@clinic.example"]] * 2
    assert first["Message-ID"] == second["Message-ID"]
    assert (first["To"], first["Subject"]) == (
        "Nino Beridze <nino@clinic.example>",
        "Your statement",
    )
    assert first["From"].addresses[0].display_name == "کلینیک North"
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["Date"].datetime.tzinfo is not None
    body = first.get_body()
    assert body is not None
    assert body.get_content().split() == ["Dear", "Nino", "https://billing.example/d/token"]
    (attached,) = first.iter_attachments()
    assert attached.get_content() == PDF.content
    assert attached.get_filename() == PDF.name


async def test_names_and_texts_of_every_script_arrive(mailbox: smtp.Mailbox) -> None:
    name, subject, text = "نینو بریدزه", "صورت حساب شما: ۲۰۲۶", "محترم نینو،\nسلام"
    asked = dispatch(name=name, subject=subject, text=text, language="prs", to="a@bücher.example")
    assert isinstance(await mail(mailbox).deliver(asked), Delivered)
    (taken,) = mailbox.taken
    assert taken["To"].addresses[0].display_name == name
    assert (taken["Subject"], taken["Content-Language"]) == (subject, "prs")
    assert text in taken.get_content().replace("\r\n", "\n")
    assert mailbox.to == [["a@xn--bcher-kva.example"]]


async def test_nothing_that_is_said_becomes_a_header(mailbox: smtp.Mailbox) -> None:
    evil = "x\r\nBcc: thief@evil.example\r\n\r\nbody\u2028\x00"
    asked = dispatch(name=evil, subject=evil, text=evil, language=evil)
    assert isinstance(await mail(mailbox).deliver(asked), Delivered)
    (taken,) = mailbox.taken
    assert taken["Bcc"] is None
    assert mailbox.to == [["nino@clinic.example"]]


@pytest.mark.parametrize(
    ("rcpt", "data", "kind"),
    [
        ("550 no such user", "250 OK", Undeliverable),
        ("451 greylisted", "250 OK", NotDelivered),
        ("250 OK", "554 spam", Undeliverable),
        ("250 OK", "452 full", NotDelivered),
    ],
)
async def test_a_refusal_is_final_or_not_as_the_server_says(
    mailbox: smtp.Mailbox, rcpt: str, data: str, kind: type
) -> None:
    mailbox.rcpt, mailbox.data = rcpt, data
    answer = await mail(mailbox).deliver(dispatch())
    assert isinstance(answer, kind)
    assert (rcpt if kind and not rcpt.startswith("2") else data)[:3] in str(answer)


async def test_what_can_be_no_address_is_not_sent(mailbox: smtp.Mailbox) -> None:
    for to in ("", "nobody", "a@b.c\r\nRCPT TO:<x@y.z>", "a@b.c,x@y.z"):
        answer = await mail(mailbox).deliver(dispatch(to=to))
        assert isinstance(answer, Undeliverable)
        assert answer.code == "ADDRESS_INVALID"
    assert mailbox.taken == []


@pytest.mark.parametrize("mode", ["smtp+starttls", "smtps"])
async def test_mail_goes_encrypted_and_with_a_login(mode: Any, tmp_path: Path) -> None:
    pem = smtp.certificate(tmp_path)
    with smtp.smtp_server(mode, pem=pem, login=True) as mailbox:
        login = f"{smtp.USER}:p%40ss%3Aword%2F1@"
        good = mail(mailbox, mode, login, trust=smtp.trusting(pem))
        assert isinstance(await good.deliver(dispatch()), Delivered)
        assert len(mailbox.taken) == 1
        wrong = mail(mailbox, mode, "clinic:wrong@", trust=smtp.trusting(pem))
        with pytest.raises(DeliveryMisconfigured, match="DAYBOOK_SMTP_URL") as refused:
            await wrong.deliver(dispatch())
        assert "wrong" not in str(refused.value)
        with pytest.raises(DeliveryMisconfigured, match="certificate"):
            await mail(mailbox, mode, login).deliver(dispatch())


async def test_a_server_without_encryption_is_not_used_for_less(mailbox: smtp.Mailbox) -> None:
    with pytest.raises(DeliveryMisconfigured, match="STARTTLS"):
        await mail(mailbox, "smtp+starttls").deliver(dispatch())


async def test_a_server_that_is_silent_or_away_has_nothing_delivered(
    mailbox: smtp.Mailbox,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mute = smtp.Mailbox(port=silent.getsockname()[1])
        assert isinstance(await mail(mute, seconds_max=0.2).deliver(dispatch()), NotDelivered)
    assert isinstance(await mail(mute).deliver(dispatch()), NotDelivered)


@pytest.mark.parametrize(
    "url",
    [
        "smtp://mail.example",
        "mail.example",
        "http://x",
        "smtps://",
        "smtps://x:1/y",
        "smtps://x:99999",
    ],
)
def test_a_server_that_cannot_be_meant_is_refused(url: str) -> None:
    with pytest.raises(CannotRun, match="DAYBOOK_SMTP_URL"):
        smtp_server(Secret(url))


@pytest.mark.parametrize("sender", ["", "Clinic", "Clinic <x>", "a b@c.d"])
def test_a_sender_that_can_be_none_is_refused(sender: str) -> None:
    with pytest.raises(CannotRun, match="DAYBOOK_MAIL_FROM"):
        sender_of(sender)


async def test_a_text_message_is_posted_once_and_signed() -> None:
    with http_server(lambda _: Reply(202, {})) as hook:
        async with Outbound(hook.url + "/sms", setting="DAYBOOK_SMS_URL") as outbound:
            sms = Sms(outbound, KEY, clock=lambda: 1_700_000_000.9)
            answer = await sms.deliver(dispatch(to="+995 555 12 34 56", text="سلام"))
    assert answer == Delivered(reference="dlv_1")
    (asked,) = hook.asked
    assert (asked.method, asked.path, asked.headers["idempotency-key"]) == ("POST", "/sms", "dlv_1")
    mac = hmac.new(KEY.encode(), b"1700000000." + asked.body, hashlib.sha256).hexdigest()
    assert asked.headers["daybook-signature"] == f"t=1700000000,v1={mac}"
    sent = msgspec.json.decode(asked.body)
    assert (sent["to"], sent["text"], sent["link"]) == (
        "+995555123456",
        "سلام",
        "https://billing.example/d/token",
    )


@pytest.mark.parametrize(
    ("respond", "kind"),
    [
        (lambda _: Reply(400, {}), Undeliverable),
        (lambda _: Reply(410, {}), Undeliverable),
        (lambda _: Reply(429, {}), NotDelivered),
        (lambda _: Reply(500, {}), NotDelivered),
        (lambda _: Reply(302, {}, {"Location": "http://127.0.0.1:9/"}), NotDelivered),
        (lambda _: None, NotDelivered),
    ],
    ids=range(6),
)
async def test_a_hook_says_whether_another_time_may_do(
    respond: Callable[[Asked], Reply | None], kind: type
) -> None:
    with http_server(respond) as hook:
        async with Outbound(hook.url, setting="DAYBOOK_SMS_URL") as outbound:
            assert isinstance(await Sms(outbound, KEY).deliver(dispatch(to="+995555123456")), kind)
            assert len(hook.asked) == 1


async def test_a_hook_that_does_not_know_us_is_for_an_operator() -> None:
    with http_server(lambda _: Reply(401, {})) as hook:
        async with Outbound(hook.url, setting="DAYBOOK_SMS_URL") as outbound:
            with pytest.raises(DeliveryMisconfigured, match="DAYBOOK_SMS_KEY"):
                await Sms(outbound, KEY).deliver(dispatch(to="+995555123456"))
            with pytest.raises(CannotRun, match="DAYBOOK_SMS_KEY"):
                Sms(outbound, Secret("short"))


class Shut:
    """A store that is out of reach, or that lets nobody in."""

    def __init__(self, failure: ObjectFailure) -> None:
        self._failure = failure

    async def put(self, _key: str, _content: bytes) -> None:
        raise self._failure


def shut(failure: ObjectFailure) -> ObjectStore:
    return cast(ObjectStore, Shut(failure))


async def test_paper_is_queued_under_its_delivery(tmp_path: Path) -> None:
    shop = open_object_store(tmp_path.as_uri())
    for _ in range(2):
        answer = await PrintQueue(shop).deliver(dispatch(to="", attachment=PDF))
        assert answer == Delivered(reference="demo/print/dlv_1.pdf")
    assert [found.key async for found in shop.below("demo")] == ["demo/print/dlv_1.pdf"]
    assert isinstance(await PrintQueue(shop).deliver(dispatch()), Undeliverable)


async def test_paper_waits_for_a_store_that_is_away_and_says_when_it_is_denied() -> None:
    away = PrintQueue(shut(ObjectStoreUnreachable("no route to the shop")))
    assert isinstance(await away.deliver(dispatch(attachment=PDF)), NotDelivered)
    with pytest.raises(DeliveryMisconfigured, match="not ours"):
        await PrintQueue(shut(ObjectStoreDenied("not ours"))).deliver(dispatch(attachment=PDF))


async def test_files_hold_what_would_have_been_sent(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "outbox", Channel.EMAIL)
    for _ in range(2):
        answer = await folder.deliver(dispatch(attachment=PDF))
    assert isinstance(answer, Delivered)
    written = tmp_path / "outbox" / "email" / "demo" / "dlv_1.json"
    assert answer.reference == str(written)
    assert msgspec.json.decode(written.read_bytes())["to"] == "nino@clinic.example"
    assert (written.parent / "dlv_1.pdf").read_bytes() == PDF.content
    assert len(list(written.parent.iterdir())) == 2
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


async def test_files_are_no_way_out_of_their_folder(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "outbox", Channel.PRINT)
    for fields in ({"delivery_id": "../x"}, {"tenant": ".."}, {"delivery_id": ""}):
        assert isinstance(await folder.deliver(dispatch(**fields)), Undeliverable)
    odd = Attachment(name="a.\x00/../b", media_type="application/pdf", content=b"")
    assert isinstance(await folder.deliver(dispatch(attachment=odd)), Delivered)
    (tmp_path / "outbox" / "print" / "other").write_text("a file in the way")
    assert isinstance(await folder.deliver(dispatch(tenant="other")), NotDelivered)
    assert {each.name for each in tmp_path.iterdir()} == {"outbox"}


@pytest.mark.parametrize(
    ("channel", "settings", "kind"),
    [
        (Channel.EMAIL, {}, Folder),
        (Channel.SMS, {}, Folder),
        (Channel.PRINT, {}, Folder),
        (Channel.EMAIL, {"smtp_url": "smtps://u:p@mail.example", "mail_from": "a@b.c"}, Mail),
        (Channel.SMS, {"sms_url": "https://sms.example/hook", "sms_key": KEY}, Sms),
    ],
)
async def test_the_settings_choose(
    channel: Channel, settings: dict[str, str], kind: type[Delivery], tmp_path: Path
) -> None:
    named = {f"DAYBOOK_{name.upper()}": value for name, value in settings.items()}
    chosen = Settings.from_environment({"DAYBOOK_DATA_DIR": str(tmp_path), **named})
    async with AsyncExitStack() as undo:
        delivery = Ports(chosen, undo).delivery(channel)
        assert isinstance(delivery, kind)
        assert isinstance(
            Ports(chosen, undo).delivery(Channel.PRINT, shut(ObjectFailure())), PrintQueue
        )
    if kind is Folder:
        assert isinstance(
            await delivery.deliver(dispatch(to="" if channel is Channel.PRINT else "x")),
            Delivered if channel is Channel.PRINT else Undeliverable,
        )
