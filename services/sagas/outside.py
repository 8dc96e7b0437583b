"""The activities of sagas that work with other systems than Postgres: files, paper, the post."""

from collections.abc import Callable
from typing import Any

import asyncpg

from services.documents.rendering import Render
from services.execute.executor import Executor
from services.ports import ObjectStore
from services.sagas.collecting import Collecting
from services.sagas.exporting import Exporting
from services.sagas.stating import Stating
from services.statements.making import Making
from services.statements.post import Post
from services.statements.reminding import Reminding


def outside_activities(
    executor: Executor,
    pool: asyncpg.Pool,
    reader: asyncpg.Pool,
    objects: ObjectStore,
    post: Post,
    render: Render,
) -> tuple[Callable[..., Any], ...]:
    """All of them; the pools act as daybook_writer and daybook_reader."""
    exporting = Exporting(executor, pool, reader, objects)
    stating = Stating(executor, pool, reader, Making(pool, reader, render, post))
    collecting = Collecting(executor, reader, Reminding(reader, render, post))
    return (exporting.export, *stating.activities, *collecting.activities)
