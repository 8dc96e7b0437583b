"""A step of a saga: a command under an identity that no repeat, run or attempt changes."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from temporalio import activity
from temporalio.exceptions import ApplicationError

from contracts.ids import event_id
from relay import spans
from services.execute.envelope import BusIdentity, Envelope, Outcome
from services.execute.executor import Executor
from services.sagas.ledger import Source

CONSUMER: Final = "sagas"
TRY_AGAIN: Final = "TRY_AGAIN"


class Step(NamedTuple):
    """A command that a saga gives, named within what the saga works on.

    `digest` tells two contents of one name apart; it is the source's own where there is only one.
    """

    source: Source
    name: str
    command: Any
    digest: bytes | None = None


async def execute_steps(executor: Executor, steps: Sequence[Step]) -> list[Outcome]:
    """Execute steps, each for itself, in order per account; raises LedgerUnavailable."""
    actor = f"saga:{this_workflow()}"
    return await executor.execute_all([_envelope(step, actor) for step in steps])


def this_workflow() -> str:
    """The id of the workflow whose activity this is: who acts, and who is to be woken."""
    return str(activity.info().workflow_id)


def _envelope(step: Step, actor: str) -> Envelope:
    source = step.source
    return Envelope(
        tenant=source.tenant,
        command=step.command,
        actor=actor,
        correlation_id=source.cause.correlation_id,
        identity=BusIdentity(CONSUMER, source.stream_id, step.name),
        payload_hash=step.digest or source.digest,
        causation_id=event_id(source.stream_id, 1),
        traceparent=spans.within(source.cause.traceparent),
    )


def try_again(what: str, count: int, reason: str) -> ApplicationError:
    """The retryable failure of an activity that did all that could be done."""
    return ApplicationError(f"{count} {what} to be tried again: {reason}", type=TRY_AGAIN)


def unknown(what: str, missing: Sequence[str]) -> ApplicationError:
    """The final failure of an activity that was given what does not exist."""
    return ApplicationError(
        f"there is no {what} {', '.join(missing)}", type="NOT_FOUND", non_retryable=True
    )
