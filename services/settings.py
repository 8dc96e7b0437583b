"""Settings of a process, from DAYBOOK_* variables; every one has a default that works."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import msgspec

DEFAULT_DATA_DIR: Final = Path(".daybook")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the servers are and how this process works."""

    data_dir: Path = DEFAULT_DATA_DIR
    postgres_url: str | None = None
    nats_url: str | None = None
    temporal_address: str | None = None
    temporal_namespace: str = "default"
    prefix: str = ""
    """Prefix of streams and subjects, so that several Daybooks share one NATS."""
    log_level: str = "info"
    metrics_port: int = 0
    """Where a process serves /metrics; 0 means nowhere (the API serves its own)."""
    api_host: str = "127.0.0.1"
    api_port: int = 4000
    auth: str = ""
    """`dev` lets anonymous callers on loopback in; nothing else is served without keys."""
    lease_seconds: float = 10.0
    lanes: int = 2
    pool_size_max: int = 8

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The settings that DAYBOOK_<NAME> variables give; raises ValueError for a bad value."""
        given = {
            field: environment[name]
            for field in cls.__struct_fields__
            if environment.get(name := f"DAYBOOK_{field.upper()}")
        }
        try:
            return msgspec.convert(
                given, cls, strict=False, dec_hook=lambda kind, value: kind(value)
            )
        except msgspec.ValidationError as invalid:
            raise ValueError(f"a DAYBOOK_ variable is not usable: {invalid}") from None
