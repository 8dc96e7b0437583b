"""Which adapter of each port the settings choose; what is not set has an embedded default."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import asyncpg
import structlog

from services.licences import UNLIMITED, Licences
from services.ports import (
    Channel,
    CodeValidator,
    Delivery,
    FhirGateway,
    FhirOf,
    ObjectStore,
    PaymentGateway,
)
from services.settings import Settings

if TYPE_CHECKING:
    from services.adapters.fhir import FhirServers
    from services.audit.publishing import Place

_log = structlog.get_logger()


class Ports:
    """Makes adapters when they are asked for; what they open is closed with `undo`."""

    def __init__(self, settings: Settings, undo: AsyncExitStack) -> None:
        self._settings = settings
        self._undo = undo

    def code_validators(self, pool: asyncpg.Pool) -> list[CodeValidator]:
        """What is loaded, and then what is connected; the pool acts as daybook_writer."""
        from services.adapters.codes import PostgresCodes

        loaded = PostgresCodes(pool)
        url = self._settings.terminology_url
        if url is None:
            return [loaded]
        from services.adapters.outbound import Outbound
        from services.adapters.terminology import Connected, Terminology

        outbound = Outbound(
            url,
            setting="DAYBOOK_TERMINOLOGY_URL",
            seconds_max=5.0,
            headers={"Accept": "application/fhir+json"},
        )
        self._undo.push_async_callback(outbound.close)
        return [loaded, Terminology(outbound, Connected(self._settings.terminology_systems))]

    def fhir_gateway(self, pool: asyncpg.Pool) -> FhirGateway:
        """Where our events are shown as resources; the pool acts as daybook_writer."""
        from services.adapters.fhir_store import StoreGateway

        if self._settings.fhir_url is None:
            return StoreGateway(pool)
        from services.adapters.fhir_gateway import RestGateway

        return RestGateway(self._fhir_rest())

    def fhir_of(self, pool: asyncpg.Pool) -> FhirOf:
        """Makes the client of a tenant, or of one organisation of it; the pool acts as
        daybook_writer."""
        from services.adapters.fhir_store import StoredFhir

        if self._settings.fhir_url is None:
            return lambda tenant, organization_id: StoredFhir(pool, tenant, organization_id)
        return self._fhir_rest()

    def _fhir_rest(self) -> "FhirServers":
        from services.adapters.fhir import FhirServers

        servers = FhirServers(self._settings.fhir_url or "", self._settings.fhir_token)
        self._undo.push_async_callback(servers.close)
        return servers

    def licences(self) -> Licences:
        """Who may use which module."""
        settings = self._settings
        stale_seconds = settings.licence_stale_hours * 3600
        if settings.licence_url is not None:
            from services.adapters.licences import HttpLicences
            from services.adapters.outbound import Outbound

            outbound = Outbound(
                settings.licence_url, setting="DAYBOOK_LICENCE_URL", seconds_max=5.0
            )
            self._undo.push_async_callback(outbound.close)
            return Licences(HttpLicences(outbound), stale_seconds=stale_seconds)
        if settings.licence_file is not None:
            from services.adapters.licences import FileLicences

            # A file is asked often, so that a change of it is soon seen.
            client = FileLicences(settings.licence_file)
            return Licences(client, fresh_seconds=5.0, stale_seconds=stale_seconds)
        _log.info("every module is active: no DAYBOOK_LICENCE_URL or DAYBOOK_LICENCE_FILE is set")
        return UNLIMITED

    def payment_gateway(self, pool: asyncpg.Pool) -> PaymentGateway:
        """Who takes money from cards; the pool acts as daybook_writer."""
        settings = self._settings
        if settings.payment_gateway == "stripe":
            from services.adapters.stripe import Stripe
            from services.adapters.stripe_calls import StripeCalls, stripe_outbound

            outbound = stripe_outbound(settings.stripe_key, settings.stripe_url)
            self._undo.push_async_callback(outbound.close)
            return Stripe(StripeCalls(outbound))
        from services.adapters.sandbox_gateway import SandboxGateway

        _log.warning("cards are charged in the sandbox: no money moves", gateway="sandbox")
        return SandboxGateway(pool)

    def checkpoint_posts(self) -> "list[Place]":
        """The addresses that each checkpoint is posted to."""
        from services.adapters.checkpoint_posts import posted_to
        from services.adapters.outbound import Outbound

        places = []
        for url in self._settings.checkpoint_urls.split():
            outbound = Outbound(url, setting="DAYBOOK_CHECKPOINT_URLS")
            self._undo.push_async_callback(outbound.close)
            places.append(posted_to(outbound, url))
        return places

    def delivery(self, channel: Channel, store: ObjectStore | None = None) -> Delivery:
        """Who takes messages to people; `store` is where a print shop looks."""
        settings = self._settings
        if channel is Channel.EMAIL and settings.smtp_url:
            from services.adapters.mail import Mail, sender_of, smtp_server

            return Mail(smtp_server(settings.smtp_url), sender_of(settings.mail_from))
        if channel is Channel.SMS and settings.sms_url:
            from services.adapters.outbound import Outbound
            from services.adapters.sms import Sms

            outbound = Outbound(settings.sms_url, setting="DAYBOOK_SMS_URL")
            self._undo.push_async_callback(outbound.close)
            return Sms(outbound, settings.sms_key)
        if channel is Channel.PRINT and store is not None:
            from services.adapters.print_queue import PrintQueue

            return PrintQueue(store)
        from services.adapters.folder import Folder

        folder = settings.data_dir / "outbox"
        _log.warning("messages stay on this machine", channel=channel.value, folder=str(folder))
        return Folder(folder, channel)
