"""The activities of configured workflows, over one project, ledger and FHIR server."""

from collections.abc import Callable
from typing import Any, NamedTuple

import asyncpg

from services.execute.executor import Executor
from services.ports import FhirOf
from services.sagas.performing import Performing
from services.sagas.scripting import Scripting
from services.sagas.telling import Telling
from services.workflows.code import Code


class Configured(NamedTuple):
    """Those that plan, record and tell, and those that run scripts, which may take an hour."""

    recording: tuple[Callable[..., Any], ...]
    scripts: tuple[Callable[..., Any], ...]


def configured_activities(
    executor: Executor, pool: asyncpg.Pool, code: Code, fhir_of: FhirOf | None
) -> Configured:
    """All of them; the pool acts as daybook_writer."""
    performing, telling = Performing(executor, pool, code), Telling(fhir_of)
    scripting = Scripting(executor, pool, code, fhir_of)
    return Configured((*performing.activities, *telling.activities), scripting.activities)
