"""Python's cycle collector, for processes whose work makes many short-lived objects and no cycles.

A batch of 500 commands allocates enough for dozens of collections, each of which walks what the
process loaded at its start. Measured: a tenth of the intake's time, a sixth of the projector's.
"""

import gc
from typing import Final

_ALLOCATIONS: Final = 50_000


def tune_collector() -> None:
    """Collect seldom, and never look at what is loaded by now: call it before the work begins."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, 20, 50)
