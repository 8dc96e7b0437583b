"""What other systems know of commands is asked before these are queued, outside of a transaction.

Raises LedgerUnavailable when Postgres is what does not answer.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from services.execute.attempt import LedgerUnavailable
from services.execute.envelope import Envelope, Examine
from services.execute.faults import is_away
from services.execute.group import Group, commands_of


async def examine_all(examine: Examine, envelopes: Sequence[Envelope]) -> Sequence[Envelope]:
    """The envelopes with their commands, those of groups as well, as they are to be decided."""
    asked = [
        (envelope.tenant, command) for envelope in envelopes for command in commands_of(envelope)
    ]
    try:
        answers = iter(await examine(asked))
    except Exception as fault:
        if is_away(fault):
            raise LedgerUnavailable(f"{type(fault).__name__}: {fault}") from fault
        raise
    return [_answered(envelope, answers) for envelope in envelopes]


def _answered(envelope: Envelope, answers: Iterator[Any]) -> Envelope:
    command = envelope.command
    if not isinstance(command, Group):
        answer = next(answers)
    else:
        answered = tuple(next(answers) for _ in command.commands)
        same = all(one is other for one, other in zip(command.commands, answered, strict=True))
        answer = command if same else msgspec.structs.replace(command, commands=answered)
    if answer is command:
        return envelope
    return msgspec.structs.replace(envelope, command=answer)
