"""Workflow ids are business keys of safe length; the second part is always the tenant."""

from typing import Final, NamedTuple

ENCOUNTER: Final = "encounter"
REMITTANCE: Final = "remittance"
GL_EXPORT: Final = "gl-export"
CARD_PAYMENT: Final = "card-payment"
REFUND: Final = "refund"
PAYMENT_METHOD: Final = "payment-method"
STATEMENT_RUN: Final = "statement-run"
COLLECTION: Final = "collection"
BILL: Final = "bill"
PERIOD: Final = "period"
WORKFLOW_RUN: Final = "workflow-run"


class Named(NamedTuple):
    """What the id of a workflow says."""

    kind: str
    tenant: str
    key: str


def of_one(kind: str, tenant: str, stream_id: str) -> str:
    """The workflow of one encounter, remittance or payment, which may wait and be signalled."""
    return f"{kind}/{tenant}/{stream_id}"


def of_batch(kind: str, tenant: str, first_position: int, last_position: int) -> str:
    """The workflow that a batch of encounters or remittances shares, by positions of the log."""
    return f"{kind}s/{tenant}/{first_position}-{last_position}"


def of_facility(tenant: str, run_id: str, facility: str) -> str:
    """The part of a run of statements that is one facility's."""
    return f"{STATEMENT_RUN}/{tenant}/{run_id}/{facility}"


def aging_refresh(task_queue: str) -> str:
    """The refresh of every tenant, of those that share a task queue.

    It is of no tenant: its payloads, which name tenants and nothing else, are sealed under a key
    of that name.
    """
    return f"aging/_every/{task_queue}"


def read(workflow_id: str) -> Named:
    """The parts of an id made here; raises ValueError for another one."""
    kind, _, rest = workflow_id.partition("/")
    tenant, slash, key = rest.partition("/")
    if not (kind and tenant and slash and key):
        raise ValueError(f"{workflow_id!r} is no workflow id such as encounter/demo/enc_...")
    return Named(kind, tenant, key)
