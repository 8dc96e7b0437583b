"""One worked example of every body, told as one story: a visit, charged, invoiced and paid."""

from typing import Any, Final

_ACCOUNT: Final = "acc_01kexq4v7ye6b9t1v9k4w2h3ma"
EXAMPLES: Final[dict[type, Any]] = {}
