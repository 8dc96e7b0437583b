"""The CloudEvents envelope: against the official SDK, by round trips, and what it refuses."""

import base64
import json
import string
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as SdkEvent
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.cloudevent import (
    CloudEvent,
    NotACloudEvent,
    from_nats,
    from_structured,
    to_nats_binary,
    to_structured,
)

MINIMAL = {"ce-specversion": "1.0", "ce-id": "7", "ce-source": "/clinic", "ce-type": "a.b.v1"}
DOCUMENT: dict[str, Any] = {"specversion": "1.0", "id": "7", "source": "/clinic", "type": "a.b.v1"}
EVENT = CloudEvent(id="7", source="/clinic", type="a.b.v1")

texts = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), min_size=1
).filter(
    lambda text: not any(0xFDD0 <= ord(c) <= 0xFDEF or ord(c) & 0xFFFE == 0xFFFE for c in text)
)
names = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=20).map(
    lambda name: f"x{name}"
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
times = st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC))
events = st.builds(
    CloudEvent,
    id=texts,
    source=texts,
    type=texts,
    time=st.none() | times,
    subject=st.none() | texts,
    datacontenttype=st.sampled_from([None, "application/json", "text/plain", "a/b+json; c=d"]),
    dataschema=st.none() | texts,
    extensions=st.dictionaries(names, texts, max_size=3),
    data=st.binary() | json_values.map(lambda value: json.dumps(value).encode()),
)
# The SDK puts the present time where there is none.
timed_events = st.builds(msgspec.structs.replace, events, time=times)


@given(events)
def test_binary_mode_gives_back_the_same_event(event: CloudEvent) -> None:
    headers, payload = to_nats_binary(event)
    assert from_nats(headers, payload) == event


@given(events)
@example(CloudEvent(id="1", source="/", type="t", data=b' {"a": 1}'))
@example(CloudEvent(id="1", source="/", type="t", data=b'{\n"a": 1}'))
@example(CloudEvent(id="1", source="/", type="t", data=b"null"))
@example(CloudEvent(id="1", source="/", type="t", data=b'"\\ud800"'))
@example(CloudEvent(id="1", source="/", type="t", data=b"[" * 2_000 + b"]" * 2_000))
def test_structured_mode_gives_back_the_same_event_to_the_byte(event: CloudEvent) -> None:
    document = to_structured(event)
    assert b"\n" not in document
    assert from_structured(document) == event


@given(events)
def test_headers_are_printable_ascii(event: CloudEvent) -> None:
    for value in to_nats_binary(event)[0].values():
        assert all("!" <= character <= "~" and character != '"' for character in value)


@given(timed_events)
def test_the_official_sdk_reads_what_we_write(event: CloudEvent) -> None:
    read = JSONFormat().read(None, to_structured(event))
    assert (read.get_id(), read.get_source(), read.get_type()) == (
        event.id,
        event.source,
        event.type,
    )
    assert (read.get_time(), read.get_subject()) == (event.time, event.subject)
    assert read.get_datacontenttype() == event.datacontenttype
    assert read.get_dataschema() == event.dataschema
    assert {name: read.get_extension(name) for name in event.extensions} == event.extensions
    data = read.get_data()
    if isinstance(data, bytes):
        assert data == event.data
    elif event.data:
        assert data == json.loads(event.data)
    else:
        assert data is None


@given(event=timed_events, content=json_values.filter(lambda value: value is not None))
def test_we_read_what_the_official_sdk_writes(event: CloudEvent, content: Any) -> None:
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "datacontenttype": "application/json",
        "time": event.time,
        **event.extensions,
    }
    document = JSONFormat().write(SdkEvent(attributes, content))
    read = from_nats({"Content-Type": "application/cloudevents+json; charset=utf-8"}, document)
    assert (read.id, read.source, read.type, read.time) == (
        event.id,
        event.source,
        event.type,
        event.time,
    )
    assert read.extensions == event.extensions
    assert json.loads(read.data) == content
    binary = JSONFormat().write(SdkEvent(dict(attributes), event.data))
    assert from_structured(binary).data == event.data


def test_the_example_of_the_nats_binding_is_encoded_as_it_says() -> None:
    event = CloudEvent(id="7", source="/clinic", type="a", subject="Euro € 😀")
    headers, _ = to_nats_binary(event)
    assert headers["ce-subject"] == "Euro%20%E2%82%AC%20%F0%9F%98%80"


@pytest.mark.parametrize(
    ("value", "subject"),
    [
        ("Euro%20%e2%82%ac", "Euro €"),
        ("%41bc", "Abc"),
        ("100%2525", "100%25"),  # decoded once, not twice
        ('"a b \\"c\\""', 'a b "c"'),  # older producers quote
        ('"%20"', " "),
        ("50%", "50%"),
    ],
)
def test_header_values_are_unquoted_then_decoded_once(value: str, subject: str) -> None:
    assert from_nats({**MINIMAL, "ce-subject": value}, b"").subject == subject


def test_header_names_are_read_in_any_case() -> None:
    headers = {name.replace("ce-", "Ce-").upper(): value for name, value in MINIMAL.items()}
    assert from_nats(headers, b"x") == CloudEvent(
        id="7", source="/clinic", type="a.b.v1", data=b"x"
    )


def test_headers_of_others_are_no_attributes() -> None:
    headers = {**MINIMAL, "Nats-Msg-Id": "7", "Content-Type": "application/json"}
    assert from_nats(headers, b"") == EVENT


@pytest.mark.parametrize("headers", [None, {}, {"Nats-Msg-Id": "7"}, {"Content-Type": "text/x"}])
def test_a_bare_json_event_without_ce_headers_is_structured(headers: dict[str, str]) -> None:
    assert from_nats(headers, json.dumps(DOCUMENT).encode()) == EVENT


def test_the_content_type_decides_before_the_headers() -> None:
    headers = {**MINIMAL, "ce-id": "other", "content-type": "Application/CloudEvents+JSON"}
    assert from_nats(headers, json.dumps(DOCUMENT).encode()).id == "7"


def test_data_keeps_its_bytes_in_structured_mode() -> None:
    document = json.dumps(DOCUMENT)[:-1].encode() + b', "data": {"b" : 1.10, "a":2}}'
    assert from_structured(document).data == b'{"b" : 1.10, "a":2}'


def test_text_that_is_no_json_is_the_string_itself() -> None:
    event = {**DOCUMENT, "datacontenttype": "text/xml", "data": "<é/>"}
    assert from_structured(json.dumps(event).encode()).data == "<é/>".encode()
    assert from_structured(json.dumps({**DOCUMENT, "data": "é"}).encode()).data == b'"\\u00e9"'


def test_base64_data_is_decoded() -> None:
    event = {**DOCUMENT, "data_base64": base64.b64encode(b"\x00\xff").decode()}
    assert from_structured(json.dumps(event).encode()).data == b"\x00\xff"


def test_null_attributes_are_unset_and_others_become_their_canonical_text() -> None:
    event = {**DOCUMENT, "subject": None, "data_base64": None, "n": -5, "yes": True, "gone": None}
    read = from_structured(json.dumps(event).encode())
    assert (read.subject, read.extensions) == (None, {"n": "-5", "yes": "true"})


def test_time_keeps_its_instant_whatever_the_offset() -> None:
    read = from_nats({**MINIMAL, "ce-time": "2026-03-02T09:30:00.5%2B01:00"}, b"")
    expected = datetime(2026, 3, 2, 9, 30, 0, 500_000, timezone(timedelta(hours=1)))
    assert read.time == expected
    assert to_nats_binary(read)[0]["ce-time"] == "2026-03-02T09:30:00.500000+01:00"


@pytest.mark.parametrize("missing", ["ce-id", "ce-source", "ce-type", "ce-specversion"])
def test_a_required_attribute_that_is_missing_is_named(missing: str) -> None:
    headers = {name: value for name, value in MINIMAL.items() if name != missing}
    with pytest.raises(NotACloudEvent, match=f"header {missing}"):
        from_nats(headers, b"{}")


@pytest.mark.parametrize(
    ("headers", "where"),
    [
        ({"ce-specversion": "0.3"}, "ce-specversion"),
        ({"ce-id": ""}, "ce-id"),
        ({"ce-id": "x" * 1_001}, "ce-id"),
        ({"ce-source": "%E2%82%AC" * 334}, "ce-source"),
        ({"ce-subject": "%C0%A0"}, "ce-subject"),  # overlong UTF-8
        ({"ce-subject": "%ff"}, "ce-subject"),
        ({"ce-subject": "\udcff"}, "ce-subject"),  # what a client made of undecodable bytes
        ({"ce-subject": "a%00b"}, "ce-subject"),
        ({"ce-subject": "a%0Ab"}, "ce-subject"),
        ({"ce-time": "yesterday"}, "ce-time"),
        ({"ce-time": "2026-03-02T08:30:00"}, "ce-time"),
        ({"ce-time": '"2026-03-02T08:30:00Z'}, "ce-time"),
        ({"ce-foo_bar": "1"}, "ce-foo_bar"),
        ({"ce-data": "1"}, "ce-data"),
        ({"ce-": "1"}, "ce-"),
        ({"Content-Type": "application/cloudevents-batch+json"}, "Content-Type"),
        ({"Content-Type": "application/cloudevents+avro"}, "Content-Type"),
    ],
)
def test_headers_that_make_no_event_are_refused_by_name(
    headers: dict[str, str], where: str
) -> None:
    with pytest.raises(NotACloudEvent, match=f"header {where}"):
        from_nats({**MINIMAL, **headers}, b"{}")


@pytest.mark.parametrize(
    ("payload", "where"),
    [
        (b"", "the payload"),
        (b"MSH|^~\\&|LAB", "the payload"),
        (b"[]", "the payload"),
        (b"null", "the payload"),
        (b"{}", r"\$.specversion"),
        (b"{" * 100_000, "the payload"),
        (b'{"a":' * 100_000, "the payload"),
        (b'{"\xff":1}', "the payload"),
        (b'{"specversion":1.0}', r"\$.specversion"),
        (b'{"specversion":"1.0"}', r"\$.id"),
        (b'{"specversion":"1.0","id":7.5}', r"\$.id"),
        (b'{"specversion":"1.0","id":["7"]}', r"\$.id"),
        (b'{"specversion":"1.0","id":"\\u0000"}', r"\$.id"),
        (b'{"specversion":"1.0","id":"\xff"}', r"\$.id"),
        (json.dumps({**DOCUMENT, "data_base64": "@"}).encode(), r"\$.data_base64"),
        (json.dumps({**DOCUMENT, "data_base64": 1}).encode(), r"\$.data_base64"),
        (json.dumps({**DOCUMENT, "data_base64": "", "data": 1}).encode(), r"\$"),
        (json.dumps({**DOCUMENT, "foo-bar": "1"}).encode(), r"\$.foo-bar"),
    ],
)
def test_a_payload_that_is_no_event_is_refused_with_its_place(payload: bytes, where: str) -> None:
    with pytest.raises(NotACloudEvent, match=where):
        from_nats(None, payload)


@given(
    st.dictionaries(st.sampled_from([*MINIMAL, "ce-time", "ce-x", "content-type"]), st.text()),
    st.binary(),
)
def test_whatever_arrives_is_an_event_or_not_a_cloud_event(
    headers: dict[str, str], payload: bytes
) -> None:
    try:
        event = from_nats(headers, payload)
    except NotACloudEvent as refusal:
        assert refusal.remedy  # noqa: PT017  # either outcome is right, nothing else may be raised
    else:
        assert from_nats(*to_nats_binary(event)) == event


@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"]
)
def test_a_time_that_is_none_is_refused(time: str) -> None:
    with pytest.raises(NotACloudEvent, match="within the years 1900 to 2199 at header ce-time"):
        from_nats(MINIMAL | {"ce-time": time}, b"")
