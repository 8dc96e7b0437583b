"""A request is a span of its caller's trace, and what it writes carries it on."""

import asyncio

import pytest

from relay import spans
from services.tracing import start_tracing
from tests.fixtures.http_api import Api
from tests.fixtures.served import ok, serving
from tests.fixtures.tracing import CALLER, TRACE, TRACEPARENT, id_of, parent_of, trace_of, tracing
from tests.fixtures.visits import account_body


async def test_a_request_its_command_and_its_event_are_one_trace(api: Api) -> None:
    with tracing() as traced:
        response = await api.post("/v1/accounts", account_body(), traceparent=TRACEPARENT)
    assert response.status_code == 201
    (request,) = traced.named("POST /v1/accounts")
    (execute,) = traced.named("execute")
    assert (parent_of(request), parent_of(execute)) == (CALLER, id_of(request))
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/accounts",
        "http.response.status_code": 201,
    }
    admin = await api.database.admin()
    traceparent = await admin.fetchval(
        "SELECT convert_from(metadata, 'utf8')::jsonb->>'traceparent' FROM events"
    )
    assert traceparent == f"00-{TRACE}-{id_of(request)}-01"


async def test_a_problem_names_the_trace_that_it_is_found_by(api: Api) -> None:
    with tracing() as traced:
        given = await api.client.get("/v1/payments/x", headers={"traceparent": TRACEPARENT})
        fresh = await api.client.get("/nowhere/zahra")
    assert given.json()["trace_id"] == TRACE
    everything = traced.exporter.get_finished_spans()
    assert [each.name for each in everything] == [
        "GET /v1/payments/{payment_id}",
        "GET unknown",
    ]
    assert fresh.json()["trace_id"] == trace_of(everything[1])
    assert "zahra" not in str([each.to_json() for each in everything])


async def test_a_batch_is_a_part_of_its_first_trace_and_linked_to_the_others(api: Api) -> None:
    others = [f"00-{number:032x}-{number:016x}-01" for number in range(1, 4)]
    with tracing() as traced:
        with spans.span("work", [None, "nonsense", TRACEPARENT, *others, others[0]]):
            pass
        with spans.span("work", []):
            pass
    first, second = traced.exporter.get_finished_spans()
    assert parent_of(first) == CALLER
    assert [link.context.span_id for link in first.links] == [1, 2, 3]
    assert second.parent is None


async def test_nothing_is_traced_unless_somebody_asks(api: Api) -> None:
    response = await api.post("/v1/accounts", account_body(), traceparent=TRACEPARENT)
    assert response.status_code == 201
    admin = await api.database.admin()
    traceparent = await admin.fetchval(
        "SELECT convert_from(metadata, 'utf8')::jsonb->>'traceparent' FROM events"
    )
    assert traceparent == TRACEPARENT


async def test_spans_go_to_the_collector_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(lambda _: ok(b"", "application/x-protobuf")) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        stop = start_tracing("api")
        assert stop is not None
        spans.begin("relay publish", [TRACEPARENT]).end()
        await asyncio.to_thread(stop)
    (sent,) = collector.sent
    assert sent.path == "/v1/traces"
    assert b"relay publish" in sent.body
    assert bytes.fromhex(TRACE) in sent.body
    assert spans.tracer() is None


def test_without_a_collector_nothing_is_traced() -> None:
    assert start_tracing("api", {}) is None
    disabled = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "true"}
    assert start_tracing("api", disabled) is None
