"""How commands of the audit end that could not run: one line, and exit code 2."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
import click

from services.audit.evidence import NotProvable
from services.audit.stored_tree import TreeDamaged
from services.audit.verify import CannotVerify
from services.locate import NothingRunning

COULD_NOT_RUN: Final = 2


@contextmanager
def could_not_run(what: str) -> Iterator[None]:
    """End with code 2 on whatever keeps a command from its answer; `what` is its verb."""
    try:
        yield
    except (
        *(CannotVerify, NotProvable, TreeDamaged, NothingRunning),
        *(OSError, asyncpg.PostgresError),
    ) as failed:
        click.echo(f"could not {what}: {failed}", err=True)
        sys.exit(COULD_NOT_RUN)
    except click.ClickException as failed:
        failed.show()
        sys.exit(COULD_NOT_RUN)
