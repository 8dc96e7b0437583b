"""Asks `aics-tlog`, which is not ours, for checkpoints and proofs: `python record_tlog.py` with
Python 3.12, which that library needs, writes tlog/aics-tlog.json for the tests of every Python.
"""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from aics_tlog import (  # type: ignore[import-not-found,unused-ignore]  # Python 3.12 alone has it
    Checkpoint,
    MerkleTree,
    format_vkey,
    sign_checkpoint,
    vkey_from_ed25519,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SEED: Final = hashlib.sha256(b"a key for tests").digest()
NAME: Final = "daybook.dev/log_0test"
SIZES: Final = (1, 2, 3, 4, 5, 7, 8, 9, 100, 255, 256, 257, 300)
TO: Final = Path(__file__).parent / "tlog" / "aics-tlog.json"


def main() -> None:
    """Write what the library makes of entries `entry 0`, `entry 1` and so on."""
    tree = MerkleTree([f"entry {number}".encode() for number in range(SIZES[-1])])
    key = Ed25519PrivateKey.from_private_bytes(SEED)
    recorded: dict[str, Any] = {
        "made_by": f"aics-tlog {version('aics-tlog')}",
        "seed": SEED.hex(),
        "key": format_vkey(vkey_from_ed25519(NAME, key.public_key())),
        "checkpoints": {},
        "inclusion": [],
        "consistency": [],
    }
    for size in SIZES:
        note = sign_checkpoint(Checkpoint(NAME, size, tree.root(size)), key, NAME)
        recorded["checkpoints"][str(size)] = note.to_bytes().decode()
        for index in sorted({0, 1, size // 2, size - 2, size - 1}):
            if 0 <= index < size:
                proof = [each.hex() for each in tree.inclusion_proof(index, size)]
                recorded["inclusion"].append([index, size, proof])
        for first in (each for each in SIZES if each <= size):
            proof = [each.hex() for each in tree.consistency_proof(first, size)]
            recorded["consistency"].append([first, size, proof])
    TO.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
