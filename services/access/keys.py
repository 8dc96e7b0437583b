"""The keys that tokens are verified with, from a file: a JWK, a JWK Set or a PEM.

The key of this machine is made by `daybook up --auth jwt`; `daybook token` signs with it.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from services.access.tokens import Header
from services.cannot_run import CannotRun
from services.embedded.private import write_private

LOCAL_ALGORITHM: Final = "ES256"
LOCAL_ISSUER: Final = "urn:daybook:local"
LOCAL_AUDIENCE: Final = "daybook"
LOCAL_FILE: Final = "token-key.json"
KEYS_MAX: Final = 64
_RSA_BITS_MIN: Final = 2048
_KINDS: Final[dict[str, Any]] = {"EC": ECKey, "OKP": OKPKey, "RSA": RSAKey}
# The kind of key by how the name of an algorithm begins.
_TAKES: Final = {"ES": "EC", "Ed": "OKP", "PS": "RSA", "RS": "RSA"}
_CURVE_OF: Final = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "Ed25519": "Ed25519"}

_log = structlog.get_logger()


class KeyUnusable(CannotRun):
    """A key file holds nothing that tokens can be verified with."""


class KeysAway(Exception):
    """The keys were not to be had from their issuer until now."""


class Keys(Protocol):
    """Where the keys of tokens come from."""

    @property
    def generation(self) -> int:
        """Another one when keys were taken away or added."""

    async def find(self, header: Header) -> Key | None:
        """The key that a token asks for, None where there is no such one; raises KeysAway."""


class KnownKeys:
    """Keys that are at hand, by id."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = list(keys)
        self.generation = 0

    async def find(self, header: Header) -> Key | None:
        """The key of that id; a token that names none is taken for the only key's."""
        return chosen(self._keys, header)


def chosen(keys: Sequence[Key], header: Header) -> Key | None:
    """The key that a token asks for, if it fits the algorithm."""
    fitting = [key for key in keys if _fits(key, header.algorithm)]
    if header.key_id is None:
        return fitting[0] if len(fitting) == 1 else None
    return next((key for key in fitting if key.kid == header.key_id), None)


def _fits(key: Key, algorithm: str) -> bool:
    return (
        _TAKES[algorithm[:2]] == key.key_type
        and key.get("alg") in (None, algorithm)
        and key.get("crv") == _CURVE_OF.get(algorithm)
    )


def keys_of_set(document: bytes) -> list[Key]:
    """The keys of a JWK Set that can verify signatures; raises ValueError when it is none.

    An issuer may publish keys that are of no use here, for encryption or of kinds yet to come.
    """
    try:
        found = msgspec.json.decode(document, type=dict[str, Any]).get("keys")
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"it is no JSON object ({error})") from error
    if not isinstance(found, list) or len(found) > KEYS_MAX:
        raise ValueError(f"it has no array `keys` of at most {KEYS_MAX}")
    keys = [key for entry in found if (key := _usable(entry)) is not None]
    if not keys:
        raise ValueError("none of its keys can verify a signature")
    return keys


def _usable(entry: Any) -> Key | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    kind = _KINDS.get(str(entry.get("kty")))
    if kind is None:
        return None
    try:
        return _checked(kind.import_key(entry))
    except (JoseError, ValueError, TypeError, KeyError) as error:
        _log.warning("key left out", kid=str(entry.get("kid"))[:100], reason=str(error))
        return None


def _checked(key: Key) -> Key:
    if isinstance(key, RSAKey) and key.public_key.key_size < _RSA_BITS_MIN:
        raise ValueError(f"an RSA key needs {_RSA_BITS_MIN} bits")
    if key.key_type != "RSA" and key.get("crv") not in _CURVE_OF.values():
        raise ValueError(f"the curve {key.get('crv')} is not taken")
    key.ensure_kid()
    return key


def read_keys(file: Path) -> list[Key]:
    """The keys of a file: a JWK, a JWK Set or a PEM, public or private; raises KeyUnusable."""
    try:
        content = file.read_bytes()
        if content.lstrip().startswith(b"{"):
            return keys_of_set(_as_set(content))
        return [_of_pem(content)]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise KeyUnusable(
            f"{file} has no key to verify tokens with ({reason}): name a JWK, a JWK Set or a PEM"
            " of an RSA, EC or Ed25519 key in DAYBOOK_AUTH_KEY_FILE"
        ) from error


def _as_set(content: bytes) -> bytes:
    try:
        found = msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise ValueError(f"it is no JSON ({error})") from error
    return content if "keys" in found else msgspec.json.encode({"keys": [found]})


def _of_pem(content: bytes) -> Key:
    reasons = []
    for name, kind in _KINDS.items():
        try:
            return _checked(kind.import_key(content))
        except (JoseError, TypeError, ValueError) as error:
            reasons.append(f"{name}: {error}")
    raise ValueError("; ".join(reasons))


def local_key(data_dir: Path) -> Path:
    """The file of this machine's own key, made when it is not there."""
    file = data_dir / LOCAL_FILE
    if not file.exists():
        made = ECKey.generate_key("P-256", {"use": "sig", "alg": LOCAL_ALGORITHM}, private=True)
        made.ensure_kid()
        write_private(file, msgspec.json.encode(made.as_dict(private=True)) + b"\n")
    return file


def signing_key(file: Path) -> Key:
    """The private key of a file; raises KeyUnusable."""
    for key in read_keys(file):
        if key.is_private:
            return key
    raise KeyUnusable(f"{file} has no private key: a token cannot be signed with it")


def algorithm_of(key: Key, allowed: Sequence[str]) -> str:
    """With which of these algorithms a key signs; raises KeyUnusable."""
    for algorithm in allowed:
        if _fits(key, algorithm):
            return algorithm
    raise KeyUnusable(
        f"the key fits none of {', '.join(allowed)}: name its algorithm in DAYBOOK_AUTH_ALGORITHMS"
    )
