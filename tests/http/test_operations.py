"""Health, metrics and the document of the API."""

import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import msgspec
from jsonschema import Draft202012Validator
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from openapi_spec_validator import OpenAPIV31SpecValidator

from services.api import publish
from services.api.auth import SCOPE
from services.api.body import decode
from services.api.document import document, shapes_of
from services.api.examples import EXAMPLES
from services.links import PATH as DOCUMENTS
from tests.fixtures.databases import with_database
from tests.fixtures.http_api import Api

_FORMATS: Final = Draft202012Validator.FORMAT_CHECKER


async def test_a_live_process_says_so_even_without_postgres(api: Api) -> None:
    api.dependencies.reader.terminate()
    response = await api.client.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "live"})


async def test_a_migrated_database_is_ready(api: Api) -> None:
    response = await api.client.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ready", "halted": []})


async def test_a_missing_migration_is_named(api: Api) -> None:
    admin = await api.database.admin()
    await admin.execute("DELETE FROM schema_migrations WHERE name = '0010_read.sql'")
    response = await api.client.get("/health/ready")
    assert (response.status_code, response.json()["code"]) == (503, "UNAVAILABLE")
    (error,) = response.json()["errors"]
    assert error["path"] == "migrations"
    assert "0010_read.sql" in error["message"]


async def test_a_postgres_that_is_away_is_named_without_its_address(api: Api) -> None:
    name = urlsplit(api.database.url).path.removeprefix("/")
    server = await asyncpg.connect(with_database(api.database.url, "postgres"))
    try:
        await server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
        )
    finally:
        await server.close()
    response = await api.client.get("/health/ready")
    assert (response.status_code, response.json()["code"]) == (503, "UNAVAILABLE")
    assert [error["path"] for error in response.json()["errors"]] == ["postgres"]
    assert name not in response.text


async def test_answers_are_counted_by_route_and_not_by_path(api: Api) -> None:
    for path in ("/v1/charges/a", "/v1/charges/b", "/nowhere/1", "/nowhere/2"):
        await api.client.get(path)
    text = (await api.client.get("/metrics")).text
    name = "daybook_http_requests_total"
    route = 'route="/v1/charges/{charge_id}"'
    assert f'{name}{{method="GET",{route},status="404"}} 2.0' in text
    assert f'{name}{{method="GET",route="unknown",status="404"}} 2.0' in text
    assert "nowhere" not in text
    assert f'daybook_http_request_seconds_count{{method="GET",{route}}} 2.0' in text


async def test_the_document_is_valid_openapi(api: Api) -> None:
    response = await api.client.get("/schema/openapi.json")
    assert response.status_code == 200
    found = response.json()
    OpenAPIV31SpecValidator(found).validate()
    assert found["openapi"].startswith("3.1")


async def test_the_published_document_is_the_one_that_is_served(api: Api) -> None:
    served = (await api.client.get("/schema/openapi.json")).json()
    assert json.loads(publish.text()) == served


def test_the_published_document_is_up_to_date() -> None:
    assert publish.FILE.read_text(encoding="utf-8") == publish.text(), "run `just contracts`"


async def test_the_reference_shows_every_operation_and_loads_nothing(api: Api) -> None:
    response = await api.client.get("/schema")
    assert (response.status_code, response.headers["content-type"]) == (
        200,
        "text/html; charset=utf-8",
    )
    found = document(api.app)
    for path, item in found["paths"].items():
        assert response.text.count(f"<code>{path}</code>") == len(item), path
    assert "<script" not in response.text
    assert "src=" not in response.text
    assert "https:" not in response.text


def _operations(found: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method} {path}", operation)
        for path, item in found["paths"].items()
        for method, operation in item.items()
    ]


async def test_every_operation_has_a_name_of_its_own_that_a_client_can_use(api: Api) -> None:
    names = [operation["operationId"] for _, operation in _operations(document(api.app))]
    assert len(names) == len(set(names))
    assert all(name.isidentifier() and name.islower() for name in names)


async def test_no_parameter_is_null_and_none_is_a_riddle(api: Api) -> None:
    text = json.dumps(document(api.app))
    assert "(?!" not in text, "say it plainly: services/api/document_patterns.py"
    for name, operation in _operations(json.loads(text)):
        for parameter in operation["parameters"]:
            assert "null" not in json.dumps(parameter.get("schema", {})), (name, parameter)


async def test_every_operation_says_what_it_does_with_examples(api: Api) -> None:
    found = document(api.app)
    for name, operation in _operations(found):
        assert operation["summary"], name
        assert operation["description"], name
        for parameter in operation.get("parameters", ()):
            assert "$ref" in parameter or parameter["description"], (name, parameter)
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for body in (*bodies, *operation["responses"].values()):
            for media_type, content in body.get("content", {}).items():
                if media_type != "text/plain":
                    assert "example" in content or "examples" in content, (name, media_type)


async def test_every_example_is_valid_by_the_schema_beside_it(api: Api) -> None:
    found = document(api.app)
    components = found["components"]
    pairs: set[tuple[str, str]] = set()  # many operations share theirs
    for _, operation in _operations(found):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        contents = [each for body in bodies for each in body.get("content", {}).values()]
        for each in (*contents, *operation["parameters"], *components["parameters"].values()):
            for example in _examples(each, components):
                pairs.add((json.dumps(each["schema"]), json.dumps(example)))
    assert len(pairs) > 100
    for schema, example in pairs:
        whole = json.loads(schema) | {"components": components}
        validator = Draft202012Validator(whole, format_checker=_FORMATS)
        assert list(validator.iter_errors(json.loads(example))) == [], (schema, example)


def _examples(content: dict[str, Any], components: dict[str, Any]) -> Iterator[Any]:
    """What stands beside a schema as an example of it, references followed."""
    if "example" in content:
        yield content["example"]
    for example in content.get("examples", {}).values():
        if "$ref" in example:
            example = components["examples"][example["$ref"].rpartition("/")[2]]
        yield example["value"]


async def test_the_document_keeps_what_the_structs_say(api: Api) -> None:
    schemas = document(api.app)["components"]["schemas"]
    charge = schemas["CaptureChargeRequest"]
    assert charge["additionalProperties"] is False
    assert charge["description"].startswith("Charge a service")
    assert schemas["Amount"]["properties"]["amount"]["pattern"]
    assert all("description" in schema for schema in schemas.values())


async def test_payments_refunds_and_batches_require_a_key_in_the_document(api: Api) -> None:
    required = [
        name
        for name, operation in _operations(document(api.app))
        for parameter in operation["parameters"]
        if parameter.get("name") == "Idempotency-Key" and parameter["required"]
    ]
    assert sorted(required) == [
        "post /v1/accounts/{account_id}/payment-methods",
        "post /v1/charges:batch",
        "post /v1/payments",
        "post /v1/refunds",
    ]


async def test_an_example_is_what_its_struct_takes_and_writes(api: Api) -> None:
    shapes = shapes_of(api.app)
    assert shapes.keys() - EXAMPLES.keys() == {"ProblemDetails"}
    for name, example in EXAMPLES.items():
        decoded = decode(shapes[name], json.dumps(example).encode())
        assert msgspec.json.decode(msgspec.json.encode(decoded)) == example, name


async def test_every_route_of_v1_names_its_scope(api: Api) -> None:
    handlers: list[HTTPRouteHandler] = [
        handler
        for route in api.app.routes
        if isinstance(route, HTTPRoute) and route.path.startswith("/v1")
        # Whoever has the link of a document may read it.
        if not route.path.startswith(DOCUMENTS)
        for handler in route.route_handlers
        if "OPTIONS" not in handler.http_methods
    ]
    assert len(handlers) >= 15
    assert all(SCOPE in handler.opt for handler in handlers)
