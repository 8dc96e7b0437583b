"""Settings of a process, from DAYBOOK_* variables; every one has a default that works."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_args, get_origin

import msgspec
from msgspec import Meta

DEFAULT_DATA_DIR: Final = Path(".daybook")


class Secret(str):
    """A text that nobody prints by accident: its representation is stars."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the servers are and how this process works."""

    data_dir: Path = DEFAULT_DATA_DIR
    postgres_url: str | None = None
    nats_url: str | None = None
    temporal_address: str | None = None
    temporal_namespace: str = "default"
    object_store: str = ""
    """Where files are kept: file:///folder, s3://, gs:// or az://; else in the data directory."""
    prefix: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]*$")] = ""
    """Prefix of streams and subjects, so that several Daybooks share one NATS."""
    log_level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    metrics_port: Annotated[int, Meta(ge=0, le=65535)] = 0
    """Where a process serves /metrics; 0 means nowhere (the API serves its own)."""
    metrics_host: str = "127.0.0.1"
    """In a container `0.0.0.0`, on a network that only Prometheus and our processes are on."""
    stream_replicas: Literal[1, 3, 5] = 1
    """How many servers of a NATS cluster hold each message; the relay brings the streams to it."""
    api_host: str = "127.0.0.1"
    api_port: Annotated[int, Meta(ge=1, le=65535)] = 4000
    auth: str = ""
    """`jwt` asks for tokens; `dev` lets anonymous callers on loopback in; nothing is no way in."""
    auth_jwks_url: str | None = None
    """Where an issuer publishes the keys of its tokens."""
    auth_key_file: Path | None = None
    """A JWK, a JWK Set or a PEM to verify tokens with, in place of an issuer's URL."""
    auth_issuer: str | None = None
    auth_audience: str | None = None
    auth_algorithms: str = "ES256 RS256"
    auth_leeway_seconds: Annotated[float, Meta(ge=0, le=300)] = 30.0
    """How far the clocks of an issuer and of ours may be apart."""
    lease_seconds: Annotated[float, Meta(gt=0, le=3600)] = 10.0
    lanes: Annotated[int, Meta(ge=1)] = 3
    pool_size_max: Annotated[int, Meta(ge=1)] = 8
    terminology_url: str | None = None
    """A FHIR R4 terminology server, asked for the systems that `terminology_systems` connects."""
    terminology_systems: str = ""
    """URIs separated by spaces, for every tenant, or for one as `tenant=URI`."""
    fhir_url: str | None = None
    """The base of a FHIR R4 server, as https://fhir.example/fhir, in which `{tenant}` stands for
    each tenant; without it the embedded store is used."""
    fhir_token: Secret = Secret("")
    """The bearer token that this server takes."""
    licence_url: str | None = None
    """Answers `<url>/<tenant>` with the active modules; goes before `licence_file`."""
    licence_file: Path | None = None
    licence_stale_hours: Annotated[float, Meta(ge=0, le=720)] = 24.0
    """For how long the last answer holds while the licence server is away."""
    payment_gateway: Literal["sandbox", "stripe"] = "sandbox"
    stripe_key: Secret = Secret("")
    stripe_url: str = "https://api.stripe.com"
    smtp_url: Secret | None = None
    """`smtps://`, `smtp+starttls://` or, on this machine alone, `smtp://`; user:password@host."""
    mail_from: str = ""
    """Who sends, as `Clinic North <billing@clinic.example>`."""
    sms_url: str | None = None
    sms_key: Secret = Secret("")
    """Signs what goes to the SMS hook."""
    link_url: str = ""
    """Where those who are sent a link find the API, as https://billing.clinic.example."""
    link_keys: Secret = Secret("")
    """Keys of signed links, 32 bytes in hex each, by spaces: the first signs, all are taken."""
    signing_key: Secret = Secret("")
    """Signs checkpoints of the log, 32 bytes in hex; else the key of `daybook keys init`."""
    checkpoint_seconds: Annotated[float, Meta(gt=0, le=86_400)] = 60.0
    """A checkpoint is signed so often while the log grows."""
    checkpoint_events: Annotated[int, Meta(ge=1)] = 10_000
    """And as soon as the log has grown by so many."""
    checkpoint_urls: str = ""
    """Addresses by spaces, outside of our reach, to which each checkpoint is posted."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The settings that DAYBOOK_<NAME> variables give; raises ValueError for a bad value."""
        given = {}
        for field in msgspec.structs.fields(cls):
            name = f"DAYBOOK_{field.name.upper()}"
            if value := environment.get(name):
                given[field.name] = _read(name, value, field.type)
        return cls(**given)


def _read(name: str, value: str, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind, strict=False, dec_hook=lambda kind, value: kind(value))
    except msgspec.ValidationError as invalid:
        allowed = (
            f": one of {', '.join(map(str, get_args(kind)))}" if get_origin(kind) is Literal else ""
        )
        raise ValueError(f"{name}={value!r} is not usable: {invalid}{allowed}") from None
