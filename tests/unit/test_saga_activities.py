"""Every activity of the sagas has a worker: one that nobody serves is tried again for ever."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from itertools import chain
from typing import Any

from services import sagas
from services.sagas.configured import configured_activities
from services.sagas.outside import outside_activities
from services.sagas.worker import bill_activities, gateway_activities, ledger_activities

_MARK = "__temporal_activity_definition"


def defined() -> Iterator[str]:
    """The names of the activities that the modules of the sagas define."""
    for module in pkgutil.iter_modules(sagas.__path__, f"{sagas.__name__}."):
        for each in vars(import_module(module.name)).values():
            if isinstance(each, type):
                yield from (
                    getattr(f, _MARK).name for f in vars(each).values() if hasattr(f, _MARK)
                )


def test_every_activity_is_served() -> None:
    nothing: Any = None
    anything: Any = object()  # they keep what they are given, and ask for it when they work
    served = (
        *ledger_activities(nothing, nothing, anything),
        *gateway_activities(nothing, nothing, nothing),
        *bill_activities(nothing, nothing),
        *chain.from_iterable(configured_activities(nothing, nothing, nothing, nothing)),
        *outside_activities(nothing, nothing, nothing, nothing, nothing, nothing),
    )
    names = [getattr(each, _MARK).name for each in served]
    assert len(set(names)) == len(names)
    assert set(names) == set(defined())
