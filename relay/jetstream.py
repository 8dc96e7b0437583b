"""Requests to the API of JetStream, and the two streams with their retention."""

from typing import Any, Final, TypeVar

import msgspec
import structlog
from nats.errors import NoRespondersError

from contracts.bus import (
    CHECKPOINTS_STREAM,
    CHECKPOINTS_SUBJECT,
    EVENTS_STREAM,
    EVENTS_SUBJECTS,
    INTAKE_STREAM,
    INTAKE_SUBJECTS,
)
from relay.connection import Client, connect

__all__ = ["Client", "StreamSettings", "connect"]

T = TypeVar("T")

DAY_SECONDS: Final = 86_400.0
API_SECONDS_MAX: Final = 10.0
STREAM_NOT_FOUND: Final = 10059
_NANOSECONDS: Final = 1_000_000_000
_DUPLICATE_SECONDS_MIN: Final = 0.1

_log = structlog.get_logger()
_encode: Final = msgspec.json.Encoder().encode


class StreamSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The streams and how long they keep what they hold; Postgres keeps everything for ever."""

    prefix: str = ""
    """Lets several systems share a server: `t1` makes T1_BILLING_EVENTS of t1.billing.>"""
    events_age_seconds_max: float = 90 * DAY_SECONDS
    """Events older than this are read from Postgres. 0 keeps them as long as there is room."""
    events_bytes_max: int | None = None
    """The oldest events go first. None leaves the limit to the server's store."""
    intake_age_seconds_max: float = 30 * DAY_SECONDS
    """How far back intake can be repeated after Postgres was restored from a backup."""
    intake_bytes_max: int | None = None
    """A full intake refuses new messages, so that none waiting is lost."""
    duplicate_window_seconds: float = 120.0
    """Of the events; see `intake_config`."""
    replicas: int = 1

    @property
    def events(self) -> str:
        """The name of the stream of events."""
        return self._name(EVENTS_STREAM)

    @property
    def intake(self) -> str:
        """The name of the stream of what is sent to us."""
        return self._name(INTAKE_STREAM)

    @property
    def checkpoints(self) -> str:
        """The name of the stream of signed checkpoints."""
        return self._name(CHECKPOINTS_STREAM)

    def subject(self, subject: str) -> str:
        """A subject of the specification as it is called here."""
        return f"{self.prefix}.{subject}" if self.prefix else subject

    def _name(self, name: str) -> str:
        return f"{self.prefix.upper()}_{name}" if self.prefix else name


class JetStreamError(Exception):
    """An error answer of the server; `code` is its `err_code`."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"{description} ({code})")
        self.code = code


class StreamState(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream holds; `first_seq` is `last_seq + 1` when it holds nothing."""

    messages: int
    bytes: int
    first_seq: int
    last_seq: int
    num_deleted: int = 0


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """A stream of the server."""

    config: dict[str, Any]
    state: StreamState
    created: str


class _Error(msgspec.Struct, frozen=True, kw_only=True):
    code: int
    err_code: int = 0
    description: str = ""


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    error: _Error | None = None


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A stored message: in the answer both are base64, which is how msgspec reads bytes."""

    hdrs: bytes = b""
    data: bytes = b""


class _MessageAnswer(msgspec.Struct, frozen=True, kw_only=True):
    message: Stored


class _Nothing(msgspec.Struct, frozen=True):
    pass


async def ask(client: Client, operation: str, request: object = None, *, answer: type[T]) -> T:
    """Call the JetStream API; raises JetStreamError and nats.errors.Error."""
    payload = b"" if request is None else _encode(request)
    try:
        message = await client.request(f"$JS.API.{operation}", payload, timeout=API_SECONDS_MAX)
    except NoRespondersError as error:
        raise JetStreamError(503, "JetStream does not answer") from error
    failed = msgspec.json.decode(message.data, type=_Answer).error
    if failed is not None:
        raise JetStreamError(failed.err_code or failed.code, failed.description)
    return msgspec.json.decode(message.data, type=answer)


async def find_stream(client: Client, name: str) -> Stream | None:
    """The stream, or None when there is none of that name."""
    try:
        return await ask(client, f"STREAM.INFO.{name}", answer=Stream)
    except JetStreamError as error:
        if error.code == STREAM_NOT_FOUND:
            return None
        raise


async def ensure_intake(client: Client, settings: StreamSettings) -> Stream:
    """Create the stream that producers publish to, or bring it up to the settings."""
    return await ensure_stream(client, intake_config(settings))


async def ensure_stream(client: Client, config: dict[str, Any]) -> Stream:
    """Create a stream, or update one whose configuration is another."""
    name = config["name"]
    found = await find_stream(client, name)
    if found is None:
        return await create_stream(client, config)
    if all(found.config.get(key) == value for key, value in config.items()):
        return found
    _log.info("stream updated", stream=name)
    return await ask(client, f"STREAM.UPDATE.{name}", found.config | config, answer=Stream)


async def create_stream(client: Client, config: dict[str, Any]) -> Stream:
    """Create a stream; one that is there with the same configuration is left as it is."""
    _log.info("stream created", stream=config["name"], first_seq=config.get("first_seq", 1))
    return await ask(client, f"STREAM.CREATE.{config['name']}", config, answer=Stream)


async def delete_stream(client: Client, name: str) -> None:
    """Delete a stream with everything in it."""
    _log.warning("stream deleted", stream=name)
    await ask(client, f"STREAM.DELETE.{name}", answer=_Nothing)


async def stored_message(client: Client, name: str, sequence: int) -> Stored:
    """A message of a stream; raises JetStreamError when it is not there."""
    request = {"seq": sequence}
    found = await ask(client, f"STREAM.MSG.GET.{name}", request, answer=_MessageAnswer)
    return found.message


def events_config(settings: StreamSettings) -> dict[str, Any]:
    """The stream of events. It may be purged and deleted: `deny_purge` and `deny_delete` could
    never be taken back, an operator must be able to free a disk or remove what should not have
    been sent, and the relay itself makes a damaged stream whole by creating it again."""
    return _config(
        settings,
        settings.events,
        EVENTS_SUBJECTS,
        age_seconds_max=settings.events_age_seconds_max,
        bytes_max=settings.events_bytes_max,
        discard="old",
        duplicate_seconds=settings.duplicate_window_seconds,
    )


def intake_config(settings: StreamSettings) -> dict[str, Any]:
    """The stream of what is sent to us, kept after it was taken so that it can be repeated."""
    return _config(
        settings,
        settings.intake,
        INTAKE_SUBJECTS,
        age_seconds_max=settings.intake_age_seconds_max,
        bytes_max=settings.intake_bytes_max,
        discard="new",
        # All tenants share the ids of this window, so it is the shortest that the server allows:
        # the intake itself knows repeats for ever, by tenant.
        duplicate_seconds=_DUPLICATE_SECONDS_MIN,
    )


def checkpoints_config(settings: StreamSettings) -> dict[str, Any]:
    """The stream of signed checkpoints, which are kept as long as events are."""
    return _config(
        settings,
        settings.checkpoints,
        CHECKPOINTS_SUBJECT,
        age_seconds_max=settings.events_age_seconds_max,
        bytes_max=None,
        discard="old",
        duplicate_seconds=settings.duplicate_window_seconds,
    )


def _config(
    settings: StreamSettings,
    name: str,
    subjects: str,
    *,
    age_seconds_max: float,
    bytes_max: int | None,
    discard: str,
    duplicate_seconds: float,
) -> dict[str, Any]:
    return {
        "name": name,
        "subjects": [settings.subject(subjects)],
        "storage": "file",
        "retention": "limits",
        "discard": discard,
        "max_age": int(age_seconds_max * _NANOSECONDS),
        "max_bytes": -1 if bytes_max is None else bytes_max,
        "duplicate_window": int(duplicate_seconds * _NANOSECONDS),
        "num_replicas": settings.replicas,
        "allow_atomic": True,
        "allow_direct": True,
    }
