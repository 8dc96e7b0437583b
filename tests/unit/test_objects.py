"""Where objects are kept, as settings say it."""

from pathlib import Path

import pytest

from services.objects import ObjectStoreUnusable, check_endpoint, store_url


def test_without_a_setting_objects_lie_in_the_data_directory() -> None:
    assert store_url("", Path("/var/lib/daybook")) == "file:///var/lib/daybook/objects"


@pytest.mark.parametrize(
    "given", ["file:///srv/objects", "s3://books", "s3://books/prefix", "gs://books", "az://books"]
)
def test_a_folder_or_a_bucket_can_be_given(given: str) -> None:
    assert store_url(given, Path()) == given


@pytest.mark.parametrize(
    "given",
    [
        *("books", "/srv/objects", "file://srv/objects", "s3://", "s3:///prefix", "memory:///"),
        *("http://s3/books", "s3://key:secret@books", "s3://books?region=us"),
    ],
)
def test_what_is_no_store_is_refused_with_what_to_give(given: str) -> None:
    with pytest.raises(ObjectStoreUnusable, match="s3://bucket/prefix"):
        store_url(given, Path())


def test_an_endpoint_is_https_or_on_loopback() -> None:
    assert check_endpoint("http://127.0.0.1:9000")
    assert check_endpoint("http://localhost:9000")
    assert check_endpoint("http://[::1]:9000")
    assert not check_endpoint("https://s3.example")
