"""JSON Patch: the examples of RFC 6902 and what it says of each operation."""

from decimal import Decimal
from typing import Any

import pytest

from services.fhir.patching import patched
from services.fhir.problem import FhirProblem

DONE: list[tuple[str, Any, list[dict[str, Any]], Any]] = [
    ("A.1", {"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}],
     {"baz": "qux", "foo": "bar"}),
    ("A.2", {"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "qux"}],
     {"foo": ["bar", "qux", "baz"]}),
    ("A.3", {"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
    ("A.4", {"foo": ["bar", "qux", "baz"]}, [{"op": "remove", "path": "/foo/1"}],
     {"foo": ["bar", "baz"]}),
    ("A.5", {"baz": "qux", "foo": "bar"}, [{"op": "replace", "path": "/baz", "value": "boo"}],
     {"baz": "boo", "foo": "bar"}),
    ("A.6", {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
     [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
     {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}}),
    ("A.7", {"foo": ["all", "grass", "cows", "eat"]},
     [{"op": "move", "from": "/foo/1", "path": "/foo/3"}],
     {"foo": ["all", "cows", "eat", "grass"]}),
    ("A.8", {"baz": "qux", "foo": ["a", 2, "c"]},
     [{"op": "test", "path": "/baz", "value": "qux"}, {"op": "test", "path": "/foo/1", "value": 2}],
     {"baz": "qux", "foo": ["a", 2, "c"]}),
    ("A.10", {"foo": "bar"}, [{"op": "add", "path": "/child", "value": {"grandchild": {}}}],
     {"foo": "bar", "child": {"grandchild": {}}}),
    ("A.11", {"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux", "xyz": 123}],
     {"foo": "bar", "baz": "qux"}),
    ("A.14", {"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}],
     {"/": 9, "~1": 10}),
    ("A.16", {"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}],
     {"foo": ["bar", ["abc", "def"]]}),
    ("whole", {"foo": 1}, [{"op": "replace", "path": "", "value": {"bar": 2}}], {"bar": 2}),
    ("copy", {"a": {"b": 1}}, [{"op": "copy", "from": "/a", "path": "/c"},
     {"op": "replace", "path": "/c/b", "value": 2}], {"a": {"b": 1}, "c": {"b": 2}}),
    ("add replaces", {"a": 1}, [{"op": "add", "path": "/a", "value": None}], {"a": None}),
    ("null is a value", {"a": None}, [{"op": "test", "path": "/a", "value": None}], {"a": None}),
    ("moved nowhere", {"a": 1}, [{"op": "move", "from": "/a", "path": "/a"}], {"a": 1}),
    ("numbers by value", {"a": Decimal("1.50")},
     [{"op": "test", "path": "/a", "value": Decimal("1.5")}], {"a": Decimal("1.50")}),
]  # fmt: skip

REFUSED: list[tuple[str, Any, Any, int]] = [
    ("A.9", {"baz": "qux"}, [{"op": "test", "path": "/baz", "value": "bar"}], 422),
    ("A.12", {"foo": "bar"}, [{"op": "add", "path": "/baz/bat", "value": "qux"}], 422),
    ("A.15", {"~1": 10}, [{"op": "test", "path": "/~01", "value": "10"}], 422),
    ("true is not 1", {"a": 1}, [{"op": "test", "path": "/a", "value": True}], 422),
    ("1 is not true", {"a": [True]}, [{"op": "test", "path": "/a", "value": [1]}], 422),
    ("absent", {"a": 1}, [{"op": "test", "path": "/b", "value": None}], 422),
    ("replace absent", {}, [{"op": "replace", "path": "/b", "value": 1}], 422),
    ("into itself", {"a": {"b": 1}}, [{"op": "move", "from": "/a", "path": "/a/c"}], 422),
    ("beyond the end", {"a": [1]}, [{"op": "add", "path": "/a/2", "value": 1}], 422),
    ("leading zero", {"a": [1, 2]}, [{"op": "remove", "path": "/a/01"}], 422),
    ("negative", {"a": [1, 2]}, [{"op": "remove", "path": "/a/-1"}], 422),
    ("the end is nothing", {"a": [1]}, [{"op": "remove", "path": "/a/-"}], 422),
    ("within a text", {"a": "text"}, [{"op": "add", "path": "/a/b", "value": 1}], 422),
    ("the whole", {"a": 1}, [{"op": "remove", "path": ""}], 422),
    ("no operation", {}, [{"path": "/a"}], 400),
    ("no value", {}, [{"op": "add", "path": "/a"}], 400),
    ("no from", {}, [{"op": "move", "path": "/a"}], 400),
    ("no pointer", {}, [{"op": "remove", "path": "a"}], 400),
    ("no escape", {}, [{"op": "remove", "path": "/a~2"}], 400),
    ("no text", {}, [{"op": "remove", "path": 7}], 400),
    ("no object", {}, ["remove"], 400),
    ("no list", {}, {"op": "remove", "path": "/a"}, 400),
    ("nothing", {}, [], 400),
]


@pytest.mark.parametrize(("document", "operations", "result"), [each[1:] for each in DONE],
                         ids=[each[0] for each in DONE])  # fmt: skip
def test_what_fits_is_done(document: Any, operations: Any, result: Any) -> None:
    assert patched(document, operations) == result


@pytest.mark.parametrize(("document", "operations", "status"), [each[1:] for each in REFUSED],
                         ids=[each[0] for each in REFUSED])  # fmt: skip
def test_what_does_not_fit_is_refused(document: Any, operations: Any, status: int) -> None:
    with pytest.raises(FhirProblem) as refused:
        patched(document, operations)
    assert refused.value.status == status


def test_a_patch_is_done_whole_or_not_at_all() -> None:
    document = {"a": [1]}
    operations = [
        {"op": "add", "path": "/a/-", "value": 2},
        {"op": "test", "path": "/a/0", "value": 7},
    ]
    with pytest.raises(FhirProblem, match="operation 1"):
        patched(document, operations)
    assert document == {"a": [1]}
