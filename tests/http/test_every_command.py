"""Every command, by a caller without its scope and by another tenant, before it is done."""

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.access.bearer import Verifier
from services.access.scopes import ALL_SCOPES
from services.api.auth import authenticate_jwt
from services.commands import COMMANDS
from services.execute.envelope import Done, Envelope, Outcome
from services.execute.executor import Executor
from services.execute.group import Group
from tests.fixtures.attempts import ATTEMPTS, NAMED, NOT_OVER_HTTP, Attempt
from tests.fixtures.clinic_books import ids_of
from tests.fixtures.databases import Database
from tests.fixtures.http_api import Api, api_over
from tests.fixtures.tenants import envelope, ledger_of
from tests.fixtures.tokens import KEYS, RULES, bearing, token
from tests.fixtures.walking import ID, Call, Ids, calls_of, make
from tests.http.test_problems import check

ALL = " ".join(sorted(ALL_SCOPES))
BOTH = (bearing(token(scope=ALL)), bearing(token(tenant="other", scope=ALL)))
# The operator's project is fetched anew; its scope: `test_workflow_runs`.
OF_NO_TENANT = {"POST /repo/sync"}
# Proofs are hashes of the whole log, which say nothing of anybody's: `test_audit_proofs`.
OF_THE_LOG = "/v1/audit/"


class Watched(Executor):
    """An executor that knows which kinds of commands callers sent to it."""

    kinds: set[type]

    async def execute_all(self, envelopes: Sequence[Envelope]) -> list[Outcome]:
        for sent_ in envelopes:
            if sent_.actor.startswith("saga:"):
                continue
            command = sent_.command
            self.kinds |= set(map(type, command.commands if is_group(command) else (command,)))
        return await super().execute_all(envelopes)


def is_group(command: Any) -> bool:
    return isinstance(command, Group)


@pytest.fixture
async def executor(database: Database) -> AsyncIterator[Watched]:
    async with Watched(await database.pool("daybook_writer", 6)) as executor:
        executor.kinds = set()
        yield executor


@pytest.fixture
async def guarded(database: Database, executor: Watched) -> AsyncIterator[Api]:
    """The API as strangers meet it."""
    authenticate = authenticate_jwt(Verifier(KEYS, RULES))
    async with api_over(database, executor=executor, authenticate=authenticate) as api:
        yield api


async def test_every_command_takes_its_scope_and_its_tenant(
    guarded: Api, executor: Watched
) -> None:
    calls = {str(call): call for call in calls_of(guarded.app)}
    made = dict(NAMED)
    for number, attempt in enumerate(ATTEMPTS):
        if "/reports/" in attempt.path:
            await guarded.catch_up()
        if attempt.after is not None:
            await done_by_a_saga(executor, attempt.after(made))
        await refused_without_scope(guarded, attempt, calls[attempt.operation], made)
        await refused_to_a_stranger(guarded, attempt, made, f"other{number}")
        done = await sent(guarded, attempt, made, f"done {number}", sub=attempt.who, scope=ALL)
        assert done.status_code == attempt.done, (attempt, done.text)
        made |= ids_made(done.json())
    attempted = {attempt.operation for attempt in ATTEMPTS}
    posts = {str(call) for call in calls.values() if call.method == "POST"}
    assert attempted == posts - OF_NO_TENANT
    assert executor.kinds.isdisjoint(NOT_OVER_HTTP)
    assert executor.kinds | NOT_OVER_HTTP.keys() == {spec.command for spec in COMMANDS}
    await shown_to_its_tenant_alone(guarded, calls.values(), made.values())


async def done_by_a_saga(executor: Executor, command: Any) -> None:
    outcome = await executor.execute(envelope("demo", command, actor="saga:test"))
    assert isinstance(outcome, Done), outcome


def ids_made(answer: dict[str, Any]) -> dict[str, str]:
    """What an answer names, for the attempts behind it."""
    found = {name: id_ for name, id_ in answer.items() if name.endswith("_id") and id_ is not None}
    match answer:
        case {"bill": {"id": str(bill_id)}}:
            found["bill_id"] = bill_id
    return found


async def sent(
    api: Api, attempt: Attempt, made: dict[str, str], key: str, **claims: Any
) -> httpx.Response:
    path, body = attempt.filled(made)
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    return await api.client.post(path, content=body, headers=headers | bearing(token(**claims)))


async def refused_without_scope(
    api: Api, attempt: Attempt, call: Call, made: dict[str, str]
) -> None:
    others = " ".join(ALL_SCOPES - {str(call.scope)})
    response = await sent(api, attempt, made, "k", sub=attempt.who, scope=others)
    assert str(call.scope) in check(response, 403, "ACCESS_DENIED")["detail"]


async def refused_to_a_stranger(
    api: Api, attempt: Attempt, made: dict[str, str], tenant: str
) -> None:
    """A tenant that has nothing gets nothing; ours keeps what it has, to the byte."""
    admin = await api.database.admin()
    before = await ledger_of(admin, "demo")
    response = await sent(api, attempt, made, "k", tenant=tenant, scope=ALL)
    assert response.status_code == attempt.strangers, (attempt, response.text)
    if attempt.strangers == 404:
        check(response, 404, "NOT_FOUND")
    items = response.json().get("items", ())
    assert {item["problem"]["code"] for item in items} <= {"NOT_FOUND"}
    if items or attempt.strangers >= 400:
        assert await ids_of(api.database, tenant) == []
    assert await ledger_of(admin, "demo") == before


async def shown_to_its_tenant_alone(api: Api, calls: Iterable[Call], made: Iterable[str]) -> None:
    """What the commands have made is there, for whoever made it."""
    await api.catch_up()
    ours = set(await ids_of(api.database))
    ids = Ids([*ours, *filter(ID.fullmatch, made)])
    for call in map(about_today, calls):
        if call.method != "GET" or call.path.startswith(OF_THE_LOG):
            continue
        mine, theirs = [await make(api.client, call, ids, "k", **who) for who in BOTH]
        if call.path.endswith("/customers/{customer_id}/bills"):
            # Whoever asks may have a customer of that name.
            assert (theirs.status_code, theirs.json()) == (200, {"bills": []})
            assert [bill["customerId"] for bill in mine.json()["bills"]] == [NAMED["customer_id"]]
        elif call.has_ids:
            check(theirs, 404, "NOT_FOUND")
            assert mine.status_code != 404, str(call)
        elif "/reports/" in call.path:
            # It holds sums and no ids; one that was not computed for them is not there.
            assert mine.status_code == 200
            assert mine.json().get("rows", mine.json().get("reports")) != [], str(call)
            assert theirs.status_code == 404 or theirs.json()["rows"] == [], theirs.text
        else:
            assert (mine.status_code, theirs.status_code) == (200, 200), str(call)
            assert ids_in(theirs).isdisjoint(ours), (str(call), theirs.text)
            assert not ids_in(mine).isdisjoint(ours), (str(call), mine.text)


def about_today(call: Call) -> Call:
    """What is booked is booked today, wherever that is."""
    today, day = datetime.now(UTC).date(), timedelta(1)
    query = re.sub("from=[0-9-]+", f"from={today - day}", call.query)
    return call._replace(query=re.sub("to=[0-9-]+", f"to={today + day}", query))


def ids_in(response: httpx.Response) -> set[str]:
    return {found[0] for found in ID.finditer(response.text)}
