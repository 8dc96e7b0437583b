"""The log's signing key (Ed25519), and what it signs: notes of c2sp.org/signed-note.

The key is 32 bytes in hex, in DAYBOOK_SIGNING_KEY or in a file of the data directory; its name in
notes is the log's, so it has one as soon as there is a log.
"""

import base64
import secrets
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.audit.checker import Checkpoint, Key, key_of
from services.cannot_run import CannotRun
from services.embedded.private import write_private
from services.settings import Secret, Settings

FILE: Final = "signing-key"
_SEED_BYTES: Final = 32


class SigningKeyUnusable(CannotRun):
    """What should be the signing key is none."""


class SigningKey:
    """Signs in the name of a log."""

    def __init__(self, seed: bytes, log_id: str) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public: Key = key_of(origin_of(log_id), self._private.public_key().public_bytes_raw())

    def sign_checkpoint(self, size: int, root: bytes) -> bytes:
        """A checkpoint of c2sp.org/tlog-checkpoint."""
        encoded = base64.b64encode(root).decode()
        return self.sign(f"{self.public.name}\n{size}\n{encoded}\n")

    def sign(self, text: str) -> bytes:
        """A note of this text, which ends with a newline; the same bytes every time."""
        signature = self.public.key_id + self._private.sign(text.encode())
        encoded = base64.b64encode(signature).decode()
        return f"{text}\n\N{EM DASH} {self.public.name} {encoded}\n".encode()


def origin_of(log_id: str) -> str:
    """The first line of the log's checkpoints, and the name of its key."""
    return f"daybook.dev/{log_id}"


def log_of(checkpoint: Checkpoint) -> str:
    """The id of the log that a checkpoint is of."""
    return checkpoint.origin.rpartition("/")[2]


def find_seed(settings: Settings) -> bytes | None:
    """The key that is set, or that was made here; None without. Raises SigningKeyUnusable."""
    if settings.signing_key:
        return _seed(settings.signing_key, "DAYBOOK_SIGNING_KEY")
    path = settings.data_dir / FILE
    try:
        return _seed(path.read_text("ascii").strip(), str(path))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as failed:
        raise SigningKeyUnusable(f"{path} cannot be read: {failed}") from failed


def make_seed(data_dir: Path) -> bool:
    """Make the key of a data directory; False where there is one, which is left as it is."""
    path = data_dir / FILE
    if path.exists():
        return False
    data_dir.mkdir(parents=True, exist_ok=True)
    write_private(path, f"{secrets.token_hex(_SEED_BYTES)}\n".encode())
    return True


def _seed(text: str | Secret, where: str) -> bytes:
    try:
        seed = bytes.fromhex(text)
    except ValueError:
        seed = b""
    if len(seed) != _SEED_BYTES:
        raise SigningKeyUnusable(
            f"{where} is no signing key: 32 bytes in hex; `daybook keys init` makes one"
        )
    return seed
