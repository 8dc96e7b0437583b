"""What a data directory remembers between two starts: ports and the secrets of its servers."""

import secrets
from pathlib import Path
from typing import Final, Self

import msgspec

from services.embedded.private import read_private, write_private

_MEND: Final = (
    "it has the passwords of the servers; restore it from a backup, or begin anew in another"
    " --data-dir"
)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Kept in `state.json`, mode 0600; without it the embedded servers cannot be logged into."""

    ports: dict[str, int] = {}
    postgres_password: str = msgspec.field(default_factory=lambda: new_secret())
    nats_password: str = msgspec.field(default_factory=lambda: new_secret())
    producer_passwords: dict[str, str] = {}
    """By tenant."""

    def with_producers(self, tenants: tuple[str, ...]) -> Self:
        """A password for every tenant that has none yet."""
        missing = {tenant: new_secret() for tenant in tenants}
        return msgspec.structs.replace(self, producer_passwords=missing | self.producer_passwords)


def new_secret() -> str:
    """Letters, digits, - and _ only, so that it stands in a URL or a config file as it is."""
    return secrets.token_urlsafe(24)


def load_state(data_dir: Path) -> State:
    """The remembered state; a new one for a new directory."""
    path = _path(data_dir)
    return read_private(path, State, _MEND) if path.exists() else State()


def save_state(data_dir: Path, state: State) -> None:
    write_private(_path(data_dir), msgspec.json.encode(state) + b"\n")


def _path(data_dir: Path) -> Path:
    return data_dir / "state.json"
