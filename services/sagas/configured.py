"""The activities of configured workflows, over one project, ledger and FHIR server."""

from collections.abc import Callable
from typing import Any

import asyncpg

from services.execute.executor import Executor
from services.ports import FhirOf
from services.sagas.performing import Performing
from services.sagas.scripting import Scripting
from services.sagas.telling import Telling
from services.workflows.code import Code


def configured_activities(
    executor: Executor, pool: asyncpg.Pool, code: Code, fhir_of: FhirOf | None
) -> tuple[Callable[..., Any], ...]:
    """All of them; the pool acts as daybook_writer."""
    return (
        *Performing(executor, pool, code).activities,
        *Scripting(executor, pool, code, fhir_of).activities,
        *Telling(fhir_of).activities,
    )
